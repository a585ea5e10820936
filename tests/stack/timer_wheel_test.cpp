#include "stack/timer_wheel.hpp"

#include <cstring>
#include <map>
#include <random>
#include <set>

#include "tests/support/catch.hpp"

namespace backstop {
namespace {

using namespace std::chrono_literals;

Instant at(Duration since_epoch) { return Instant{since_epoch}; }

std::set<std::uint32_t> expire_all(TimerWheel& wheel, Instant now) {
  std::set<std::uint32_t> slots;
  for (auto slot = wheel.expire(now); slot != TimerWheel::no_slot; slot = wheel.expire(now)) slots.insert(slot);
  return slots;
}

struct Wheel : TimerWheel {
  explicit Wheel(std::uint32_t capacity = 8) : TimerWheel(capacity, std::pmr::new_delete_resource()) {}
};

TEST_CASE("Timer wheel: nothing armed, nothing due") {
  Wheel wheel;
  CHECK(wheel.next_deadline() == never);
  CHECK(wheel.expire(never) == TimerWheel::no_slot);
  CHECK_FALSE(wheel.armed(7));
  wheel.cancel(7);
  CHECK(wheel.next_deadline() == never);
}

TEST_CASE("Timer wheel: a slot fires at its deadline, once, and not a nanosecond earlier") {
  const Duration epoch = GENERATE(0ns, -1ns, 1ns, Duration{-5'000'000'000'000}, Duration{1'700'000'000'000'000'000});
  const Duration delay = GENERATE(1ns, 63ns, 64ns, 65'536ns, 40ms, 2h, 24h * 3650);
  Wheel wheel;
  CHECK(wheel.expire(at(epoch)) == TimerWheel::no_slot);
  wheel.arm(3, at(epoch + delay));
  CHECK(wheel.armed(3));
  CHECK(wheel.next_deadline() == at(epoch + delay));
  CHECK(wheel.expire(at(epoch + delay - 1ns)) == TimerWheel::no_slot);
  CHECK(wheel.next_deadline() == at(epoch + delay));
  CHECK(wheel.expire(at(epoch + delay)) == 3);
  CHECK_FALSE(wheel.armed(3));
  CHECK(wheel.expire(at(epoch + delay)) == TimerWheel::no_slot);
}

TEST_CASE("Timer wheel: armed before it was ever told the time") {
  Wheel wheel;
  wheel.arm(0, at(-3h));
  wheel.arm(1, at(0ns));
  wheel.arm(2, at(3h));
  CHECK(wheel.next_deadline() == at(-3h));
  CHECK(expire_all(wheel, at(0ns)) == std::set<std::uint32_t>{0, 1});
  CHECK(wheel.next_deadline() == at(3h));
}

TEST_CASE("Timer wheel: deadlines in the past fire with the next expire") {
  Wheel wheel;
  CHECK(wheel.expire(at(10s)) == TimerWheel::no_slot);
  wheel.arm(0, at(9s));
  wheel.arm(1, at(10s));
  wheel.arm(2, immediately);
  CHECK(wheel.next_deadline() == immediately);
  CHECK(expire_all(wheel, at(10s)) == std::set<std::uint32_t>{0, 1, 2});
}

TEST_CASE("Timer wheel: arming at never cancels, and the last instant before it is a deadline like any other") {
  Wheel wheel;
  wheel.arm(0, at(1s));
  wheel.arm(0, never);
  CHECK_FALSE(wheel.armed(0));
  CHECK(wheel.next_deadline() == never);
  wheel.arm(1, never - 1ns);
  CHECK(wheel.next_deadline() == never - 1ns);
  CHECK(wheel.expire(never - 2ns) == TimerWheel::no_slot);
  CHECK(wheel.expire(never) == 1);
}

TEST_CASE("Timer wheel: a deadline moves earlier and later") {
  Wheel wheel;
  wheel.arm(0, at(1s));
  wheel.arm(0, at(5s));
  CHECK(wheel.next_deadline() == at(5s));
  wheel.arm(0, at(2s));
  CHECK(wheel.next_deadline() == at(2s));
  CHECK(wheel.expire(at(1s)) == TimerWheel::no_slot);
  CHECK(wheel.expire(at(2s)) == 0);
}

TEST_CASE("Timer wheel: slots that are due and not yet popped can still be cancelled and moved") {
  Wheel wheel;
  for (std::uint32_t slot = 0; slot < 4; ++slot) wheel.arm(slot, at(1s));
  const std::uint32_t popped = wheel.expire(at(1s));
  const std::uint32_t cancelled = (popped + 1) % 4;
  const std::uint32_t moved = (popped + 2) % 4;
  wheel.cancel(cancelled);
  wheel.arm(moved, at(2s));
  CHECK(expire_all(wheel, at(1s)) == std::set<std::uint32_t>{(popped + 3) % 4});
  CHECK(expire_all(wheel, at(2s)) == std::set<std::uint32_t>{moved});
}

TEST_CASE("Timer wheel: one jump over years fires everything") {
  Wheel wheel{1000};
  for (std::uint32_t slot = 0; slot < 1000; ++slot) wheel.arm(slot, at(1ms * slot * slot * slot));
  CHECK(expire_all(wheel, at(24h * 3650)).size() == 1000);
  CHECK(wheel.next_deadline() == never);
}

TEST_CASE("Timer wheel: an untouched slot costs no memory") {
  constexpr std::uint32_t capacity = 1'000'000;
  std::vector<std::byte> arena(TimerWheel::required_memory(capacity), std::byte{0xaa});
  std::pmr::monotonic_buffer_resource memory{arena.data(), arena.size(), std::pmr::null_memory_resource()};
  TimerWheel wheel{capacity, &memory};
  wheel.arm(9, at(1s));
  const auto touched = std::count_if(arena.begin(), arena.end(), [](std::byte b) { return b != std::byte{0xaa}; });
  CHECK(touched <= 10 * 16);
  CHECK_FALSE(wheel.armed(capacity - 1));
  wheel.arm(capacity - 1, at(2s));
  CHECK(expire_all(wheel, at(2s)) == std::set<std::uint32_t>{9, capacity - 1});
}

// The same calls on a wheel and on an ordered map, which is slow and plainly right.
class Pair {
 public:
  explicit Pair(std::uint64_t seed) : random_(seed), wheel_(slots), now_(start()) {}

  void step() {
    switch (pick(8)) {
      case 0:
        return advance();
      case 1:
        return cancel();
      default:
        return arm();
    }
  }
  /// As step(), but deadlines are never cancelled or moved: then next_deadline() has to be exact.
  void step_without_cancel() { pick(8) == 0 ? advance() : arm_an_idle_one(); }

  [[nodiscard]] Instant earliest() const { return deadlines_.empty() ? never : deadlines_.begin()->first; }
  [[nodiscard]] Instant wheel_earliest() const { return wheel_.next_deadline(); }

 private:
  static constexpr std::uint32_t slots = 300;

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  Duration random_duration() { return Duration{static_cast<std::int64_t>(random_() >> (1 + pick(63)))}; }
  Instant start() {
    switch (pick(4)) {
      case 0:
        return Instant{0ns};
      case 1:
        return Instant{-random_duration()};
      case 2:
        return immediately;
      default:
        return Instant{random_duration() / 2};
    }
  }
  Instant later() {
    const Duration room = never - std::max(now_, Instant{0ns});
    return now_ + std::min(room, random_duration());
  }
  Instant a_deadline() {
    if (pick(10) == 0 && !deadlines_.empty()) return deadlines_.begin()->first;  // an equal one
    if (pick(20) == 0) return Instant{random_duration() - random_duration()};    // any, also in the past
    if (pick(50) == 0) return pick(2) == 0 ? never : immediately;
    return later();
  }

  void forget(std::uint32_t slot) {
    for (auto it = deadlines_.begin(); it != deadlines_.end(); ++it) {
      if (it->second != slot) continue;
      deadlines_.erase(it);
      return;
    }
  }
  void arm(std::uint32_t slot, Instant deadline) {
    forget(slot);
    if (deadline != never) deadlines_.emplace(deadline, slot);
    wheel_.arm(slot, deadline);
    REQUIRE(wheel_.armed(slot) == (deadline != never));
  }
  void arm() { arm(static_cast<std::uint32_t>(pick(slots)), a_deadline()); }
  void arm_an_idle_one() {
    const auto slot = static_cast<std::uint32_t>(pick(slots));
    if (!wheel_.armed(slot)) arm(slot, a_deadline());
  }
  void cancel() {
    const auto slot = static_cast<std::uint32_t>(pick(slots));
    forget(slot);
    wheel_.cancel(slot);
    REQUIRE_FALSE(wheel_.armed(slot));
  }
  void advance() {
    now_ = pick(2) == 0 ? later() : std::max(now_, std::min(wheel_.next_deadline(), never - 1ns));
    std::set<std::uint32_t> due;
    while (!deadlines_.empty() && deadlines_.begin()->first <= now_) {
      due.insert(deadlines_.begin()->second);
      deadlines_.erase(deadlines_.begin());
    }
    REQUIRE(expire_all(wheel_, now_) == due);
  }

  std::mt19937_64 random_;
  Wheel wheel_;
  std::multimap<Instant, std::uint32_t> deadlines_;
  Instant now_;
};

TEST_CASE("Timer wheel agrees with an ordered map, whatever is done to both") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    Pair pair{seed};
    for (int step = 0; step < 1000; ++step) {
      pair.step();
      REQUIRE(pair.wheel_earliest() <= pair.earliest());
    }
  }
}

TEST_CASE("Timer wheel: while nothing is cancelled, the next deadline is exact") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    Pair pair{seed};
    for (int step = 0; step < 1000; ++step) {
      pair.step_without_cancel();
      REQUIRE(pair.wheel_earliest() == pair.earliest());
    }
  }
}

TEST_CASE("Timer wheel: whoever sleeps until each next deadline wakes a bounded number of times for a cancelled one") {
  Wheel wheel;
  wheel.arm(0, at(2h));
  wheel.arm(1, at(1h));
  wheel.cancel(1);
  int wakes = 0;
  Instant now = at(0ns);
  for (; wheel.armed(0); ++wakes) {
    now = wheel.next_deadline();
    wheel.expire(now);
  }
  CHECK(now == at(2h));
  CHECK(wakes <= 2);
}

}  // namespace
}  // namespace backstop
