// Wakes a loop that sleeps in epoll: a timerfd. Deadlines of TCP are put off with every segment, and hardly ever come;
// so one that moves to later is left as it is, and set anew when it has rung in vain. That spares a system call, or a
// timeout to set up and take down, each time the loop sleeps. Read next: event_loop.cpp.
#pragma once

#include "stack/tcp/time.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::tun {

class Alarm {
 public:
  /// Throws std::system_error.
  Alarm();

  /// Readable from when it rings until rang(). On CLOCK_MONOTONIC.
  [[nodiscard]] int fd() const { return timer_.get(); }
  /// Rings at `when` or before; `never` is no reason to ring.
  void ring_by(Instant when);
  void rang();

 private:
  FileDescriptor timer_;
  Instant rings_at_ = never;
};

}  // namespace backstop::tun
