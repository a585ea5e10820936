#include "stack/rate_limiter.hpp"

#include "tests/support/catch.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

int allowed(RateLimiter& limiter, Instant now, int attempts) {
  int count = 0;
  for (int i = 0; i < attempts; ++i) count += limiter.allow(now) ? 1 : 0;
  return count;
}

TEST_CASE("RateLimiter: a burst, then the rate, then a burst again", "[rate_limiter]") {
  RateLimiter limiter({.per_second = 100, .burst = 3});
  const Instant start = GENERATE(Instant{}, Instant{-5s}, Instant{1000h});
  CHECK(allowed(limiter, start, 10) == 3);
  CHECK(allowed(limiter, start + 9ms, 10) == 0);
  CHECK(allowed(limiter, start + 10ms, 10) == 1);
  CHECK(allowed(limiter, start + 35ms, 10) == 2);
  CHECK(allowed(limiter, start + 1h, 10) == 3);
}

TEST_CASE("RateLimiter: over a minute it allows what the rate says", "[rate_limiter]") {
  RateLimiter limiter({.per_second = 1000, .burst = 50});
  int count = 0;
  for (int i = 0; i < 60'000'0; ++i) count += limiter.allow(Instant{i * 100us}) ? 1 : 0;
  CHECK(count >= 60'000);
  CHECK(count <= 60'050);
}

TEST_CASE("RateLimiter: zero a second is no limit", "[rate_limiter]") {
  RateLimiter limiter({.per_second = 0});
  CHECK(allowed(limiter, {}, 1000) == 1000);
}

}  // namespace
}  // namespace backstop::test
