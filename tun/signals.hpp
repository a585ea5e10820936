// SIGINT and SIGTERM as calls on the loop's thread, through signalfd: no code runs in a signal handler.
// Read next: event_loop.hpp.
#pragma once

#include <csignal>
#include <functional>
#include <initializer_list>

#include "tun/event_loop.hpp"

namespace backstop::tun {

/// Takes the signals away from their default action and calls `callback` instead, for as long as it lives. Make it
/// before other threads start: they inherit that the signals are blocked.
class SignalWatch {
 public:
  /// Throws std::system_error.
  SignalWatch(EventLoop& loop, std::initializer_list<int> signals, std::function<void(int signal)> callback);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  sigset_t mask_before_;
  FileDescriptor fd_;
  Watch watch_;
};

}  // namespace backstop::tun
