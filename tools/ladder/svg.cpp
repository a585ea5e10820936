// A ladder as SVG: two lifelines with slanted arrows between them.
#include <algorithm>
#include <cmath>
#include <set>

#include "tools/ladder/ladder.hpp"
#include "tools/ladder/layout.hpp"
#include "tools/notation/transcript.hpp"
#include "tools/page/svg.hpp"

namespace backstop::ladder {
namespace {

using page::Point;
using page::Svg;

constexpr double width = 1240;
constexpr double client_x = 468;
constexpr double server_x = 772;
constexpr double margin = 14;
constexpr double head_height = 34;

double x_of(Side side) { return side == Side::client ? client_x : server_x; }

std::string_view stroke_of(const Step& step) {
  if (step.passage == Passage::lost) return "again";
  if (step.passage == Passage::twice) return "order";
  return step.kind == Kind::plain && step.text_size == 0 ? "soft" : colour_of(step.kind);
}

// One ladder, placed.
struct Drawn {
  const Ladder* ladder = nullptr;
  double top = 0;
  double lifelines_top = 0;
  Layout layout;
};

class Drawing {
 public:
  Drawing(Svg& svg, const Drawn& drawn) : svg_(svg), drawn_(drawn), ladder_(*drawn.ladder) {}

  void draw() {
    draw_head();
    draw_legend();
    draw_lifelines();
    for (const PlacedStep& placed : drawn_.layout.steps) {
      if (!placed.step->hidden) draw_step(placed);
    }
    for (const PlacedStep& placed : drawn_.layout.steps) {
      if (placed.step->hidden) draw_hidden(placed);
    }
  }

 private:
  void draw_head() {
    double y = drawn_.top + 22;
    svg_.text({margin, y}, ladder_.title, {.size = 14, .bold = true});
    for (const std::string& note : ladder_.notes) svg_.text({margin, y += 17}, note, {.colour = "soft", .size = 12});
    const double names = drawn_.lifelines_top - 10;
    svg_.text({client_x, names}, ladder_.client, {.anchor = "middle", .size = 12, .bold = true});
    svg_.text({server_x, names}, ladder_.server, {.anchor = "middle", .size = 12, .bold = true});
  }

  // Only what is in the picture.
  void draw_legend() {
    std::set<Kind> kinds;
    bool lost = false;
    bool twice = false;
    bool sack = false;
    for (const Step& step : ladder_.steps) {
      if (step.hidden) continue;
      kinds.insert(step.kind);
      lost |= step.passage == Passage::lost;
      twice |= step.passage == Passage::twice;
      sack |= step.options.starts_with("sack");
    }
    constexpr double swatch = 16;
    constexpr double advance = 6.6;
    double x = margin;
    const double y = drawn_.lifelines_top - head_height - 8;
    const auto entry = [&](std::string_view name, std::string_view colour, Passage passage = Passage::whole) {
      const bool dashed = passage == Passage::twice;
      svg_.line({x, y - 4}, {x + swatch, y - 4}, {.colour = colour, .width = 2.5, .dashed = dashed});
      if (passage == Passage::lost) draw_cross({x + swatch / 2, y - 4});
      svg_.text({x + swatch + 8, y}, name, {.size = 12});
      x += swatch + 26 + advance * static_cast<double>(name.size());
    };
    for (const Kind kind : kinds) entry(name_of(kind), colour_of(kind));
    if (kinds.contains(Kind::plain)) entry("no text", "soft");
    if (sack) entry("SACK blocks", "sack");
    if (twice) entry("delivered twice", "order", Passage::twice);
    if (lost) entry("lost on the way", "again", Passage::lost);
  }

  void draw_lifelines() {
    double y = drawn_.lifelines_top;
    for (const Pause& pause : drawn_.layout.pauses) {
      draw_lifeline_part(y, pause.y, false);
      draw_lifeline_part(pause.y, pause.y + pause_height, true);
      const double seconds = std::chrono::duration<double>(pause.time).count();
      svg_.text({(client_x + server_x) / 2, pause.y + pause_height / 2 + 4}, page::duration_text(seconds) + " later",
                {.colour = "soft", .anchor = "middle"});
      y = pause.y + pause_height;
    }
    draw_lifeline_part(y, drawn_.layout.bottom, false);
  }

  void draw_lifeline_part(double from, double to, bool dashed) {
    for (const double x : {client_x, server_x}) {
      svg_.line({x, from}, {x, to}, {.colour = "line", .width = dashed ? 1.5 : 2, .dashed = dashed});
    }
  }

  void draw_hidden(const PlacedStep& placed) {
    constexpr double height = 22;
    svg_.rectangle({margin, placed.sent - height / 2}, width - 2 * margin, height, "band");
    svg_.text({width / 2, placed.sent + 4}, "... " + to_string(*placed.step->hidden) + " ...",
              {.colour = "soft", .anchor = "middle", .size = 12});
  }

  void draw_step(const PlacedStep& placed) {
    svg_.begin_group(details_of(*placed.step));
    draw_arrow(placed);
    draw_label(placed);
    svg_.end_group();
  }

  [[nodiscard]] std::string details_of(const Step& step) const {
    std::string text;
    const auto add = [&](std::uint64_t number, const char* where) {
      if (number != 0) text += "packet " + std::to_string(number) + where + ", ";
    };
    add(step.client_number, ladder_.two_captures ? " at the client" : "");
    add(step.server_number, " at the server");
    text += notation::format(step.time - ladder_.start) + " s: " + step.details;
    return step.marks.empty() ? text : text + " [" + step.marks + "]";
  }

  void draw_arrow(const PlacedStep& placed) {
    const Step& step = *placed.step;
    const std::string_view colour = stroke_of(step);
    const double line_width = step.text_size > 0 || step.kind != Kind::plain ? 1.5 : 1;
    Point from{x_of(step.from), placed.sent};
    Point to{x_of(analysis::other(step.from)), placed.arrived};
    const auto between = [&](double part) {
      return Point{from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part};
    };
    if (step.passage == Passage::lost) {
      to = between(0.6);
      svg_.line(from, to, {.colour = colour, .width = line_width});
      draw_cross(to);
      return;
    }
    if (step.passage == Passage::from_afar) from = between(0.5);
    if (step.passage == Passage::from_afar) svg_.circle(from, 3, colour);
    svg_.line(from, to, {.colour = colour, .width = line_width, .dashed = step.passage == Passage::twice});
    draw_arrowhead(from, to, colour);
  }

  void draw_arrowhead(Point from, Point to, std::string_view colour) {
    constexpr double length = 9;
    constexpr double half = 3.4;
    const double size = std::hypot(to.x - from.x, to.y - from.y);
    const Point along{(to.x - from.x) / size, (to.y - from.y) / size};
    const Point back{to.x - along.x * length, to.y - along.y * length};
    svg_.polygon(
        {to, {back.x - along.y * half, back.y + along.x * half}, {back.x + along.y * half, back.y - along.x * half}},
        colour);
  }

  void draw_cross(Point at) {
    constexpr double half = 5;
    svg_.line({at.x - half, at.y - half}, {at.x + half, at.y + half}, {.colour = "again", .width = 2.2});
    svg_.line({at.x - half, at.y + half}, {at.x + half, at.y - half}, {.colour = "again", .width = 2.2});
  }

  void draw_label(const PlacedStep& placed) {
    constexpr double distance = 10;
    const Step& step = *placed.step;
    const bool left = placed.label_side == Side::client;
    const double x = x_of(placed.label_side) + (left ? -distance : distance);
    double y = (step.passage == Passage::from_afar ? placed.arrived : placed.sent) + 4;
    svg_.text({left ? margin : width - margin, y}, notation::format(step.time - ladder_.start),
              {.colour = "soft", .anchor = left ? "start" : "end", .monospaced = true});
    for (const LabelLine& line : placed.label) {
      svg_.text({x, y}, line, {.anchor = left ? "end" : "start", .monospaced = true});
      y += line_height;
    }
  }

  Svg& svg_;
  const Drawn& drawn_;
  const Ladder& ladder_;
};

}  // namespace

void write_svg(std::ostream& out, const std::vector<Ladder>& ladders, page::Surroundings surroundings) {
  std::vector<Drawn> drawn;
  double top = 0;
  for (const Ladder& ladder : ladders) {
    const double lifelines = top + 22 + 17 * static_cast<double>(ladder.notes.size()) + 30 + head_height;
    drawn.push_back({&ladder, top, lifelines, lay_out(ladder, lifelines + 12)});
    top = drawn.back().layout.bottom + 12;
  }
  const std::string title = ladders.size() == 1 ? "Ladder of " + ladders.front().title : "Ladders";
  Svg svg(out, width, top, title, surroundings);
  for (const Drawn& one : drawn) Drawing(svg, one).draw();
}

}  // namespace backstop::ladder
