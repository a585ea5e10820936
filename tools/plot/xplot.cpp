// Charts as data for xplot, whose language is told in its manual page: a command a line, colours by their names.
#include <array>
#include <cstdio>
#include <ostream>

#include "tools/plot/chart.hpp"

namespace backstop::plot {
namespace {

// xplot draws on black, and tcptrace has made people used to these.
std::string_view colour_for(std::string_view colour) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> colours{{
      {"ink", "white"},
      {"again", "red"},
      {"ack", "green"},
      {"window", "yellow"},
      {"sack", "purple"},
      {"order", "blue"},
      {"duplicate", "orange"},
  }};
  for (const auto& [ours, xplots] : colours) {
    if (ours == colour) return xplots;
  }
  return "white";
}

std::string decimal(double value) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.6f", value);
  return {text.data(), static_cast<std::size_t>(size)};
}

class XplotWriter {
 public:
  XplotWriter(std::ostream& out, const Series& series) : out_(out), series_(series) {}

  void write() {
    out_ << colour_for(series_.colour) << '\n';
    const Datum* before = nullptr;
    for (const Datum& datum : series_.data) {
      switch (series_.shape) {
        case Shape::bars:
          bar(datum);
          break;
        case Shape::dots:
          out_ << "diamond " << point(datum.x, datum.y) << '\n';
          break;
        case Shape::steps:
          if (before != nullptr) step(*before, datum);
          break;
        case Shape::line:
          if (before != nullptr) line(point(before->x, before->y), point(datum.x, datum.y));
          break;
      }
      before = &datum;
    }
  }

 private:
  static std::string point(double x, double y) { return decimal(x) + " " + decimal(y); }
  void line(const std::string& from, const std::string& to) { out_ << "line " << from << ' ' << to << '\n'; }

  void bar(const Datum& datum) {
    out_ << "darrow " << point(datum.x, datum.y) << "\nuarrow " << point(datum.x, datum.top) << '\n';
    line(point(datum.x, datum.y), point(datum.x, datum.top));
    if (series_.colour == "again") out_ << "atext " << point(datum.x, datum.top) << "\nR\n";
  }

  void step(const Datum& before, const Datum& datum) {
    line(point(before.x, before.y), point(datum.x, before.y));
    if (datum.y != before.y) line(point(datum.x, before.y), point(datum.x, datum.y));
  }

  std::ostream& out_;
  const Series& series_;
};

}  // namespace

void write_xplot(std::ostream& out, const Chart& chart) {
  out << "timeval double\ntitle\n" << chart.title << "\nxlabel\ntime\nylabel\n" << chart.y_label << '\n';
  for (const Series& series : chart.series) XplotWriter(out, series).write();
  out << "go\n";
}

}  // namespace backstop::plot
