#include "tun/alarm.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>

namespace backstop::tun {

Alarm::Alarm() : timer_(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")) {}

void Alarm::ring_by(Instant when) {
  if (when >= rings_at_) return;
  const Duration since_boot = std::max(when.time_since_epoch(), Duration{1});  // Why: 0 would switch it off
  itimerspec time{};
  time.it_value.tv_sec = since_boot.count() / std::nano::den;
  time.it_value.tv_nsec = since_boot.count() % std::nano::den;
  checked(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &time, nullptr), "timerfd_settime");
  rings_at_ = when;
}

void Alarm::rang() {
  std::uint64_t times = 0;
  [[maybe_unused]] const auto size = ::read(timer_.get(), &times, sizeof(times));
  rings_at_ = never;
}

}  // namespace backstop::tun
