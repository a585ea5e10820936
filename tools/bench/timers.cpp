// The timer wheel with a million deadlines: one is moved, and time passes, so that some expire and are armed again.
#include <chrono>
#include <memory_resource>

#include "stack/timer_wheel.hpp"
#include "tools/bench/catalogue.hpp"

namespace backstop::tools::bench {
namespace {

class Timers final : public Work {
 public:
  explicit Timers(std::uint32_t size) : size_(size), wheel_(size, std::pmr::get_default_resource()) {
    for (std::uint32_t slot = 0; slot < size; ++slot) arm(slot);
  }

  void run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) {
      arm(static_cast<std::uint32_t>((std::uint64_t{draw()} * size_) >> 32));
      now_ += std::chrono::microseconds{1};
      for (std::uint32_t slot = wheel_.expire(now_); slot != TimerWheel::no_slot; slot = wheel_.expire(now_)) arm(slot);
    }
  }

 private:
  // Between 1 and 1.3 s from now, as retransmission timers are.
  void arm(std::uint32_t slot) {
    wheel_.arm(slot, now_ + std::chrono::seconds{1} + std::chrono::nanoseconds{draw() >> 4});
  }
  std::uint32_t draw() {
    random_ = random_ * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    return static_cast<std::uint32_t>(random_ >> 32);
  }

  std::uint32_t size_;
  TimerWheel wheel_;
  Instant now_{std::chrono::seconds{1}};
  std::uint64_t random_ = 1;
};

}  // namespace

void add_timers(Catalogue& catalogue) {
  for (const std::uint32_t size : {1'000u, 1'000'000u}) {
    catalogue.push_back({.name = "timers-" + std::to_string(size),
                         .what = "move one of so many deadlines, and look for expired ones",
                         .reference = size == 1'000 ? "" : "timers-1000",
                         .unit = Unit::nanoseconds,
                         .make = [size] { return std::make_unique<Timers>(size); }});
  }
}

}  // namespace backstop::tools::bench
