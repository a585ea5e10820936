#include "tools/page/svg.hpp"

#include "tools/page/palette.hpp"

namespace backstop::page {
namespace {

constexpr std::string_view sans = "system-ui,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif";
constexpr std::string_view mono = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace";

std::string attribute(std::string_view name, double value) {
  return " " + std::string(name) + "=\"" + number(value) + "\"";
}

std::string stroke_attributes(const Stroke& stroke) {
  std::string text = " class=\"s-" + std::string(stroke.colour) + "\" fill=\"none\"";
  if (stroke.width != 1) text += attribute("stroke-width", stroke.width);
  if (stroke.dashed) text += " stroke-dasharray=\"4 3\"";
  return text;
}

std::string points_attribute(const std::vector<Point>& points) {
  std::string text = " points=\"";
  for (const Point& point : points) {
    if (text.back() != '"') text += ' ';
    text += number(point.x) + "," + number(point.y);
  }
  return text + "\"";
}

std::string type_attributes(const Type& type) {
  std::string text = " class=\"f-" + std::string(type.colour) + (type.monospaced ? " mono" : "") + "\"";
  text += attribute("font-size", type.size);
  if (type.anchor != "start") text += " text-anchor=\"" + std::string(type.anchor) + "\"";
  if (type.bold) text += " font-weight=\"600\"";
  return text;
}

}  // namespace

Svg::Svg(std::ostream& out, double width, double height, std::string_view title, Surroundings surroundings)
    : out_(out) {
  out_ << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << number(width) << ' ' << number(height)
       << "\" width=\"" << number(width) << "\" height=\"" << number(height) << "\" role=\"img\" font-family=\"" << sans
       << "\">\n<title>" << escape(title) << "</title>\n";
  if (surroundings == Surroundings::file) {
    out_ << "<style>\n" << palette_style() << ".mono{font-family:" << mono << ";white-space:pre}\n</style>\n";
  }
  rectangle({0, 0}, width, height, "paper");
}

Svg::~Svg() { out_ << "</svg>\n"; }

void Svg::line(Point from, Point to, const Stroke& stroke) {
  out_ << "<line" << attribute("x1", from.x) << attribute("y1", from.y) << attribute("x2", to.x)
       << attribute("y2", to.y) << stroke_attributes(stroke) << "/>\n";
}

void Svg::polyline(const std::vector<Point>& points, const Stroke& stroke) {
  out_ << "<polyline" << points_attribute(points) << stroke_attributes(stroke) << "/>\n";
}

void Svg::polygon(const std::vector<Point>& points, std::string_view colour) {
  out_ << "<polygon" << points_attribute(points) << " class=\"f-" << colour << "\"/>\n";
}

void Svg::rectangle(Point corner, double width, double height, std::string_view colour) {
  out_ << "<rect" << attribute("x", corner.x) << attribute("y", corner.y) << attribute("width", width)
       << attribute("height", height) << " class=\"f-" << colour << "\"/>\n";
}

void Svg::circle(Point centre, double radius, std::string_view colour) {
  out_ << "<circle" << attribute("cx", centre.x) << attribute("cy", centre.y) << attribute("r", radius) << " class=\"f-"
       << colour << "\"/>\n";
}

void Svg::text(Point at, std::string_view text, const Type& type) {
  out_ << "<text" << attribute("x", at.x) << attribute("y", at.y) << type_attributes(type) << '>' << escape(text)
       << "</text>\n";
}

void Svg::text(Point at, const std::vector<Run>& runs, const Type& type) {
  if (runs.empty()) return;
  out_ << "<text" << attribute("x", at.x) << attribute("y", at.y)
       << type_attributes({runs.front().colour, type.anchor, type.size, type.bold, type.monospaced}) << '>'
       << escape(runs.front().text);
  for (auto run = runs.begin() + 1; run != runs.end(); ++run) {
    out_ << "<tspan class=\"f-" << run->colour << "\">" << escape(run->text) << "</tspan>";
  }
  out_ << "</text>\n";
}

void Svg::upright_text(Point at, std::string_view text, const Type& type) {
  out_ << "<text transform=\"translate(" << number(at.x) << ' ' << number(at.y) << ") rotate(-90)\""
       << type_attributes(type) << '>' << escape(text) << "</text>\n";
}

void Svg::begin_group(std::string_view title) { out_ << "<g><title>" << escape(title) << "</title>\n"; }

void Svg::end_group() { out_ << "</g>\n"; }

}  // namespace backstop::page
