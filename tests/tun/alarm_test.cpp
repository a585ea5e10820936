// An alarm rings no later than it was last asked to, and is set as rarely as that allows.
#include "tun/alarm.hpp"

#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "tests/support/catch.hpp"

namespace backstop::tun {
namespace {

using namespace std::chrono_literals;

Instant now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant{std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
}

bool rings_within(const Alarm& alarm, std::chrono::milliseconds time) {
  pollfd fd{.fd = alarm.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&fd, 1, static_cast<int>(time.count())) == 1;
}

/// Until it rings; zero: it will not.
Duration left(const Alarm& alarm) {
  itimerspec time{};
  checked(::timerfd_gettime(alarm.fd(), &time), "timerfd_gettime");
  return std::chrono::seconds{time.it_value.tv_sec} + std::chrono::nanoseconds{time.it_value.tv_nsec};
}

TEST_CASE("Alarm: what is past rings at once, until it was heard") {
  Alarm alarm;
  CHECK_FALSE(rings_within(alarm, 0ms));
  for (const Instant past : {immediately, Instant{}, now()}) {
    alarm.ring_by(past);
    CHECK(rings_within(alarm, 10'000ms));
    alarm.rang();
    CHECK_FALSE(rings_within(alarm, 0ms));
  }
}

TEST_CASE("Alarm: an earlier time is set, a later one is not") {
  Alarm alarm;
  alarm.ring_by(never);
  CHECK(left(alarm) == Duration{});
  alarm.ring_by(now() + 2h);
  CHECK(left(alarm) > 1h);
  alarm.ring_by(now() + 1h);
  CHECK(left(alarm) <= 1h);
  alarm.ring_by(now() + 2h);
  alarm.ring_by(never);
  CHECK(left(alarm) <= 1h);
}

TEST_CASE("Alarm: one that has rung in vain is set for what has become of its time") {
  Alarm alarm;
  alarm.ring_by(now());
  alarm.ring_by(now() + 1h);
  CHECK(rings_within(alarm, 10'000ms));
  alarm.rang();
  alarm.ring_by(now() + 1h);
  CHECK(left(alarm) > 30min);
}

}  // namespace
}  // namespace backstop::tun
