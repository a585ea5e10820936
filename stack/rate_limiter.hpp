// Bounds how often the stack answers packets that nobody can be held to account for: RSTs to segments of no connection,
// and ICMP errors (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4). A leaky bucket kept as one point in time.
// Read next: core.hpp.
#pragma once

#include <algorithm>

#include "stack/config.hpp"
#include "stack/tcp/time.hpp"

namespace backstop {

class RateLimiter {
 public:
  explicit RateLimiter(RateLimit limit)
      : interval_(limit.per_second == 0 ? Duration{} : Duration{std::chrono::seconds{1}} / limit.per_second),
        slack_(interval_ * limit.burst) {}

  /// Whether one more is within the limit; if so, it is counted.
  bool allow(Instant now) {
    const Instant filled_up_to = std::max(paid_until_, now) + interval_;
    if (filled_up_to > now + slack_) return false;
    paid_until_ = filled_up_to;
    return true;
  }

 private:
  Duration interval_;  // zero: everything is allowed
  Duration slack_;
  Instant paid_until_ = immediately;
};

}  // namespace backstop
