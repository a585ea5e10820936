// Time as an argument: the stack has no clock of its own, whoever drives it says what time it is.
// Instants are nanoseconds since an epoch that the driver chooses; only differences matter, and time must not run back.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace backstop {

/// Tags our time points. It has no now(): a clock belongs to the driver.
struct Clock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<Clock>;
};

using Instant = Clock::time_point;
using Duration = Clock::duration;

inline constexpr Instant never = Instant::max();
/// As a deadline: already due.
inline constexpr Instant immediately = Instant::min();

}  // namespace backstop
