// Charts as SVG.
#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "tools/plot/chart.hpp"
#include "tools/plot/ticks.hpp"

namespace backstop::plot {
namespace {

using page::Point;
using page::Svg;

constexpr double width = 1240;
constexpr double left = 96;
constexpr double right = 1216;
constexpr double plot_height = 400;
constexpr double below = 52;
constexpr double text_margin = 14;

// The span of the data along one axis.
struct Span {
  double low = 0;
  double high = 0;

  void take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] double size() const { return high - low; }
};

Span x_span_of(const Chart& chart) {
  Span span;
  for (const Series& series : chart.series) {
    for (const Datum& datum : series.data) span.take(datum.x);
  }
  if (span.size() <= 0) span.high = span.low + 1;
  return span;
}

Span y_span_of(const Chart& chart) {
  Span span;
  for (const Series& series : chart.series) {
    if (!series.sets_scale) continue;
    for (const Datum& datum : series.data) {
      span.take(datum.y);
      if (series.shape == Shape::bars) span.take(datum.top);
    }
  }
  if (span.size() <= 0) span.high = span.low + 1;
  // A series that does not set the scale may stretch it a little, to be seen whole.
  Span stretched = span;
  for (const Series& series : chart.series) {
    for (const Datum& datum : series.data) stretched.take(datum.y);
  }
  if (stretched.size() <= span.size() * 1.6) span = stretched;
  span.high += span.size() * 0.04;
  return span;
}

// A picture holds so many points; what falls onto the same place is drawn once.
class Seen {
 public:
  bool is_new(double x, double y, double height = 0) {
    return places_.insert({std::lround(x * 2), std::lround(y * 2) * 4096 + std::lround(height)}).second;
  }

 private:
  std::set<std::pair<long, long>> places_;
};

class ChartDrawing {
 public:
  ChartDrawing(Svg& svg, const Chart& chart, double top)
      : svg_(svg), chart_(chart), x_span_(x_span_of(chart)), y_span_(y_span_of(chart)), top_(top) {}

  void draw() {
    draw_head();
    draw_axes();
    for (const Series& series : chart_.series) draw_series(series);
  }

 private:
  [[nodiscard]] double bottom() const { return top_ + plot_height; }
  [[nodiscard]] double x(double value) const { return left + (value - x_span_.low) / x_span_.size() * (right - left); }
  [[nodiscard]] double y(double value) const { return bottom() - (value - y_span_.low) / y_span_.size() * plot_height; }
  [[nodiscard]] double clamped_y(double value) const { return std::clamp(y(value), top_, bottom()); }

  void draw_head() {
    double at = 22;
    svg_.text({text_margin, at}, chart_.title, {.size = 14, .bold = true});
    for (const std::string& note : chart_.notes)
      svg_.text({text_margin, at += 17}, note, {.colour = "soft", .size = 12});
    draw_legend(at + 24);
  }

  void draw_legend(double at) {
    constexpr double swatch = 18;
    constexpr double advance = 6.8;
    double from = text_margin;
    for (const Series& series : chart_.series) {
      if (series.data.empty()) continue;
      draw_swatch({from, at - 4}, swatch, series);
      svg_.text({from + swatch + 8, at}, series.name, {.size = 12});
      from += swatch + 28 + advance * static_cast<double>(series.name.size());
    }
  }

  void draw_swatch(Point at, double size, const Series& series) {
    const Point middle{at.x + size / 2, at.y};
    if (series.shape == Shape::dots) return svg_.circle(middle, 3, series.colour);
    if (series.shape != Shape::bars) return svg_.line(at, {at.x + size, at.y}, {.colour = series.colour, .width = 2});
    svg_.line({middle.x, at.y - 6}, {middle.x, at.y + 5}, {.colour = series.colour, .width = 2.5});
  }

  void draw_axes() {
    const Ticks x_ticks = round_ticks(x_span_.low, x_span_.high, 12);
    const Ticks y_ticks = round_ticks(y_span_.low, y_span_.high, 8);
    for (const double value : x_ticks.values) {
      svg_.line({x(value), top_}, {x(value), bottom()}, {.colour = "grid"});
      svg_.text({x(value), bottom() + 18}, x_ticks.label(value), {.colour = "soft", .anchor = "middle", .size = 12});
    }
    for (const double value : y_ticks.values) {
      svg_.line({left, y(value)}, {right, y(value)}, {.colour = "grid"});
      svg_.text({left - 8, y(value) + 4}, y_ticks.label(value), {.colour = "soft", .anchor = "end", .size = 12});
    }
    svg_.line({left, bottom()}, {right, bottom()}, {.colour = "line", .width = 1.5});
    svg_.line({left, top_}, {left, bottom()}, {.colour = "line", .width = 1.5});
    svg_.text({(left + right) / 2, bottom() + 40}, "time, seconds", {.anchor = "middle", .size = 12});
    svg_.upright_text({text_margin + 8, (top_ + bottom()) / 2}, chart_.y_label, {.anchor = "middle", .size = 12});
  }

  void draw_series(const Series& series) {
    switch (series.shape) {
      case Shape::bars:
        return draw_bars(series);
      case Shape::dots:
        return draw_dots(series);
      case Shape::steps:
      case Shape::line:
        return draw_lines(series);
    }
  }

  void draw_bars(const Series& series) {
    constexpr double cap = 2;
    Seen seen;
    const page::Stroke stroke{.colour = series.colour, .width = series.bold ? 3 : 1.6};
    for (const Datum& datum : series.data) {
      if (datum.top < y_span_.low || datum.y > y_span_.high) continue;
      const double at = x(datum.x);
      const double from = clamped_y(datum.y);
      const double to = clamped_y(datum.top);
      if (!seen.is_new(at, to, from - to)) continue;
      svg_.line({at, from}, {at, to}, stroke);
      if (from - to < 3 * cap) continue;
      svg_.line({at - cap, from}, {at + cap, from}, stroke);
      svg_.line({at - cap, to}, {at + cap, to}, stroke);
    }
  }

  void draw_dots(const Series& series) {
    Seen seen;
    for (const Datum& datum : series.data) {
      const bool inside = datum.y >= y_span_.low && datum.y <= y_span_.high;
      if (inside && seen.is_new(x(datum.x), y(datum.y))) svg_.circle({x(datum.x), y(datum.y)}, 2.6, series.colour);
    }
  }

  // Where a line leaves the chart it ends, and begins anew where it comes back.
  void draw_lines(const Series& series) {
    const bool steps = series.shape == Shape::steps;
    std::vector<Point> points;
    for (const Datum& datum : series.data) {
      const Point point{x(datum.x), y(datum.y)};
      if (steps && !points.empty()) add_point(points, {point.x, points.back().y});
      if (datum.y <= y_span_.high && datum.y >= y_span_.low) {
        add_point(points, point);
      } else {
        finish_line(points, series);
      }
    }
    if (steps && !points.empty()) add_point(points, {right, points.back().y});
    finish_line(points, series);
  }

  // Points that follow each other on one level are two: its ends.
  static void add_point(std::vector<Point>& points, Point point) {
    constexpr double invisible = 0.1;
    const std::size_t size = points.size();
    const auto same_level = [&](const Point& other) { return std::abs(other.y - point.y) < invisible; };
    if (size >= 2 && same_level(points[size - 1]) && same_level(points[size - 2])) {
      points.back().x = point.x;
    } else if (size == 0 || !same_level(points.back()) || std::abs(points.back().x - point.x) >= invisible) {
      points.push_back(point);
    }
  }

  void finish_line(std::vector<Point>& points, const Series& series) {
    if (points.size() > 1) svg_.polyline(points, {.colour = series.colour, .width = 1.4});
    points.clear();
  }

  Svg& svg_;
  const Chart& chart_;
  Span x_span_;
  Span y_span_;
  double top_;
};

}  // namespace

void write_svg(std::ostream& out, const Chart& chart, page::Surroundings surroundings) {
  const double top = 22 + 17 * static_cast<double>(chart.notes.size()) + 24 + 18;
  Svg svg(out, width, top + plot_height + below, chart.title, surroundings);
  ChartDrawing(svg, chart, top).draw();
}

}  // namespace backstop::plot
