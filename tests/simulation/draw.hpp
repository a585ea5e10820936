// What a simulation draws from its seed: numbers from ranges, and choices.
// Read next: plan.hpp, which draws whole worlds.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>

#include "stack/tcp/time.hpp"
#include "tests/support/random.hpp"

namespace backstop::simulation {

class Draw : public test::Random {
 public:
  using Random::Random;

  /// From `low` to `high`, both of them possible.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
  Duration between(Duration low, Duration high) {
    return Duration{low.count() +
                    static_cast<std::int64_t>(below(static_cast<std::uint64_t>((high - low).count()) + 1))};
  }
  /// The same with every order of magnitude as likely as the others.
  std::uint32_t about(std::uint32_t low, std::uint32_t high) {
    const double exponent = fraction() * std::log2(static_cast<double>(high) / low);
    return static_cast<std::uint32_t>(low * std::exp2(exponent));
  }
  double fraction() { return static_cast<double>(next() >> 11) / static_cast<double>(std::uint64_t{1} << 53); }
  bool coin() { return (next() & 1) != 0; }
  template <class T>
  T pick(std::initializer_list<T> choices) {
    return choices.begin()[below(choices.size())];
  }
  /// A generator of its own, so that what draws from one does not move the other.
  Draw fork() { return Draw{next()}; }
};

}  // namespace backstop::simulation
