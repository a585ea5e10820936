// One stack on one device, driven by one thread: an epoll loop that sleeps until a packet, a deadline or a call from
// another thread comes. All else that a program waits for (sockets, timers, signals) can be waited for here too.
//
//   EventLoop loop(stack, device);
//   loop.drive(executor);                        the tasks of stack/coroutine.hpp
//   loop.run();                                  until somebody calls stop()
//
// Read next: stack/poll.hpp, the part of the loop that moves packets; signals.hpp for SIGINT.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "stack/stack.hpp"
#include "tun/alarm.hpp"
#include "tun/bursts.hpp"
#include "tun/device.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::tun {

class EventLoop;

/// Keeps a file descriptor watched for as long as it lives. Ends on the loop's thread, before the descriptor is closed.
class [[nodiscard]] Watch {
 public:
  Watch() = default;
  Watch(Watch&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)), token_(other.token_) {}
  Watch& operator=(Watch&& other) noexcept;
  ~Watch() { reset(); }

  void reset();
  /// Waits for other events from now on (EPOLLIN, EPOLLOUT ...; 0: only errors and hang-ups).
  void set_events(std::uint32_t events);
  explicit operator bool() const { return loop_ != nullptr; }

 private:
  friend class EventLoop;
  Watch(EventLoop& loop, std::uint64_t token) : loop_(&loop), token_(token) {}

  EventLoop* loop_ = nullptr;
  std::uint64_t token_ = 0;
};

/// A call to come. Destroying it cancels it; afterwards it names nothing.
class [[nodiscard]] Timer {
 public:
  Timer() = default;
  Timer(Timer&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)), key_(std::move(other.key_)) {}
  Timer& operator=(Timer&& other) noexcept;
  ~Timer() { cancel(); }

  void cancel();

 private:
  friend class EventLoop;
  using Key = std::pair<Instant, std::uint64_t>;  // when, then in the order of the calls
  Timer(EventLoop& loop, Key key) : loop_(&loop), key_(key) {}

  EventLoop* loop_ = nullptr;
  Key key_;
};

/// Only post() and stop() may be called from other threads. Callbacks run on the thread that is in run(), with no lock
/// held, and may call anything here; what they throw leaves run(), which may then be called again.
/// Stack and device outlive the loop, and the loop outlives its handles.
class EventLoop {
 public:
  using Callback = std::move_only_function<void()>;
  /// Handles the stack's events at `now`. Returns when to be called next although nothing arrives.
  using Hook = std::move_only_function<std::optional<Instant>(Instant now)>;
  using WatchCallback = std::move_only_function<void(std::uint32_t events)>;

  /// Throws std::system_error.
  EventLoop(Stack& stack, Device& device);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// The time on CLOCK_MONOTONIC: the `now` of everything on this loop.
  [[nodiscard]] static Instant now();

  /// Called whenever packets have arrived or callbacks have run, and before the stack sends: one packet then carries
  /// both the acknowledgment and what the hook wrote.
  void on_turn(Hook hook) { hook_ = std::move(hook); }
  /// An on_turn() that runs the tasks of an Executor, which outlives the loop.
  template <class Executor>
  void drive(Executor& executor) {
    on_turn([&executor](Instant time) {
      executor.run(time);
      return executor.next_deadline();
    });
  }

  /// How long to ask the device in vain, again and again, before sleeping. It costs a processor, and saves the time
  /// that waking up takes. Zero, as it is at first: sleep at once.
  void busy_poll(Duration time) { busy_poll_ = time; }

  /// Drives the stack until stop(). Throws what the device and the callbacks throw.
  void run();
  /// Makes run() return after what it is at; when nobody is in run(), the next one returns at once. Any thread.
  void stop();
  /// Has `function` called on the loop's thread, in the order of the calls. Any thread.
  void post(Callback function);
  /// Calls `callback` with the events whenever `fd` has some of `events`, or an error or hang-up. Level-triggered.
  /// Throws std::system_error when epoll cannot wait for it, or does already.
  Watch watch(int fd, std::uint32_t events, WatchCallback callback);
  /// Calls `function` once when `delay` has passed.
  Timer call_after(Duration delay, Callback function);

 private:
  friend class Watch;
  friend class Timer;
  struct Watched {
    int fd;
    WatchCallback callback;
  };

  void turn();
  int move_packets(Instant time);
  int receive_packets(Instant time);
  void call_posted();
  void call_due(Instant now);
  [[nodiscard]] bool more_packets_are_likely(Instant time) const;
  void wait_and_dispatch(Instant until, Instant time);
  void dispatch(std::uint64_t token, std::uint32_t events);
  [[nodiscard]] Instant next_deadline();
  void wake();
  void unwatch(std::uint64_t token);

  Stack& stack_;
  Device& device_;
  const bool can_wait_;  ///< for the device
  Arrivals arrivals_;
  Linger linger_;
  Duration busy_poll_{};
  Instant last_packet_{};
  Instant waits_since_ = never;
  int since_look_ = 0;  ///< packets and turns since the last look at the other descriptors
  Hook hook_;
  std::optional<Instant> hook_deadline_;
  FileDescriptor epoll_;
  FileDescriptor wake_;  ///< eventfd
  Alarm alarm_;

  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  ///< of posted_, and of writing has_posts_
  std::deque<Callback> posted_;
  std::atomic<bool> has_posts_ = false;  ///< Why: it spares each turn the lock.

  std::uint64_t next_token_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Watched>> watched_;
  std::map<Timer::Key, Callback> timers_;
};

}  // namespace backstop::tun
