// A host in virtual time: the stack, the clock that packetdrill asks for, the packets that wait for packetdrill to look
// at them, and the calls that block. Time moves only when the script waits (usleep, netdev_receive), a microsecond with
// each look at the clock, and on the way it stops at each deadline of the stack, so that a packet carries the moment at
// which it was due.
// One lock serves everything: a blocking call comes from a second thread of packetdrill's.
// Read next: calls.hpp.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "stack/stack.hpp"
#include "tools/packetdrill/settings.hpp"

namespace backstop::packetdrill {

using Lock = std::unique_lock<std::mutex>;

class Host {
 public:
  explicit Host(Settings settings);

  [[nodiscard]] Lock lock() { return Lock{mutex_}; }

  /// The clock as a script reads it: each look takes a microsecond. The first look of a thread whose call was woken is
  /// the moment of the waking, however far others have come since.
  std::chrono::microseconds look_at_clock();
  [[nodiscard]] Instant now() const { return clock_; }
  /// Made when it is first needed, with what was set until then; made anew when more was set and nobody uses it.
  Stack& stack();
  [[nodiscard]] Settings& settings() { return settings_; }
  void use_stack() { ++users_; }
  void release_stack() { --users_; }
  /// Takes over what the script's commands have set since.
  void read_settings();

  /// A packet from the wire, now.
  void receive(Bytes packet);
  /// Lets time pass. Before and after, the threads whose calls were woken finish them in packetdrill too.
  void advance(Lock& lock, Duration time);
  /// The next packet to the wire, with its time; lets time pass until there is one, at most for `patience`.
  struct Sent {
    Instant at;
    std::vector<std::byte> bytes;
  };
  std::optional<Sent> next_packet(Duration patience);
  /// Before a call on the stack: does what is due until now.
  void catch_up() {
    run_until(clock_);
    act(clock_);
  }
  /// Sends what is due now.
  void transmit();
  /// After a call on the stack: sends what is due now and wakes whose call can go on.
  void settle();

  /// Waits until `attempt` returns true or the deadline has come; returns whether it did. `attempt` is called by
  /// whichever thread moves the time, at the very moment when it can succeed.
  bool wait(Lock& lock, const std::function<bool()>& attempt, Instant deadline = never);
  /// Called when the stack has done something, before waiting calls are tried again.
  std::function<void()> after_step = [] {};
  /// When to do so though the stack does nothing.
  std::function<Instant()> alarm = [] { return never; };
  /// What is told of each event of the stack.
  std::function<void(const Event&)> on_event = [](const Event&) {};

 private:
  struct Waiter {
    const std::function<bool()>& attempt;
    Instant deadline;
    bool done = false;
    bool succeeded = false;
    Instant woken_at{};
  };

  void run_until(Instant then);
  void act(Instant at);
  bool step(Instant limit);
  [[nodiscard]] Instant next_moment() const;
  void queue(const OutboundPacket& packet, Instant at);
  void drain_events();
  void publish_states();
  void wake_waiters();
  void let_woken_finish(Lock& lock);
  bool wait_by_moving_time(const std::function<bool()>& attempt, Instant deadline);

  std::mutex mutex_;
  std::condition_variable woken_;
  std::thread::id main_thread_ = std::this_thread::get_id();

  Settings settings_;
  SettingsFile settings_file_;
  std::string published_;  // what publish_states() last wrote
  std::unique_ptr<Stack> stack_;
  bool stack_is_stale_ = false;
  int users_ = 0;

  Instant clock_;
  Instant acted_at_;  // the stack's time: never beyond the clock, never back
  std::deque<Sent> sent_;
  std::list<Waiter> waiters_;
  int woken_calls_ = 0;  // that have not looked at the clock since, as packetdrill does at the end of each
};

}  // namespace backstop::packetdrill
