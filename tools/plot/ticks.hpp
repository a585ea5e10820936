// Round numbers along an axis. Read next: svg_chart.cpp.
#pragma once

#include <string>
#include <vector>

namespace backstop::plot {

struct Ticks {
  std::vector<double> values;
  double step = 1;

  /// The value with as many decimals as the step has: "0.02", "65,536".
  [[nodiscard]] std::string label(double value) const;
};

/// Multiples of 1, 2 or 5 times a power of ten from `low` to `high`, at most `most` of them.
Ticks round_ticks(double low, double high, int most);

}  // namespace backstop::plot
