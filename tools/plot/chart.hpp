// A chart as values: series over time, with what its axes mean. Written as SVG, or as data for xplot.
// Read next: series.hpp, which makes charts of connections; ticks.hpp.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "tools/page/svg.hpp"

namespace backstop::plot {

enum class Shape : std::uint8_t {
  bars,   ///< upright, from y to top
  steps,  ///< a line that stays where it is until the next point
  line,
  dots,
};

struct Datum {
  double x = 0;  ///< seconds
  double y = 0;
  double top = 0;  ///< of a bar
};

struct Series {
  std::string name;
  std::string_view colour;  ///< of the palette
  Shape shape = Shape::dots;
  std::vector<Datum> data{};
  /// Whether the chart's height goes by it; else it is cut off where it leaves the chart.
  bool sets_scale = true;
  bool bold = false;  ///< bars that must not be overlooked
};

/// Series are drawn in their order: later ones lie on top.
struct Chart {
  std::string title;
  std::vector<std::string> notes;
  std::string y_label;
  std::vector<Series> series;
};

void write_svg(std::ostream& out, const Chart& chart, page::Surroundings surroundings);

/// What xplot reads, in the manner of tcptrace: the x axis is time, bars have arrows at their ends.
void write_xplot(std::ostream& out, const Chart& chart);

}  // namespace backstop::plot
