#include "tools/plot/ticks.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "tools/page/markup.hpp"

namespace backstop::plot {

std::string Ticks::label(double value) const {
  if (step >= 1) {
    const double size = std::abs(value);
    return (value < 0 ? "-" : "") + page::grouped(static_cast<std::uint64_t>(std::llround(size)));
  }
  std::array<char, 40> text{};
  const int decimals = static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
  const int size = std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return {text.data(), static_cast<std::size_t>(size)};
}

Ticks round_ticks(double low, double high, int most) {
  const double least_step = (high - low) / most;
  double step = std::pow(10, std::floor(std::log10(least_step)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (step * factor < least_step) continue;
    step *= factor;
    break;
  }
  Ticks ticks;
  ticks.step = step;
  const double slack = step * 1e-6;
  for (double at = std::ceil((low - slack) / step); at * step <= high + slack; ++at)
    ticks.values.push_back(at * step + 0.0);
  return ticks;
}

}  // namespace backstop::plot
