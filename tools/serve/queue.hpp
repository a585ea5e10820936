// One queue of the device of `backstop serve`, and all that serves what comes in there: a stack, the loop that drives
// it, listeners and fallback rules. The kernel keeps a flow on the queue where it was answered, so queues have nothing
// in common but the journal and the capture. The first one runs on the caller's thread, the others on their own.
// Read next: serving.hpp, what runs on the stack; link.hpp, what is below it; packet_sharing.hpp, what queues tell each
// other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "stack/stack.hpp"
#include "tools/serve/journal.hpp"
#include "tools/serve/link.hpp"
#include "tools/serve/options.hpp"
#include "tools/serve/serving.hpp"
#include "tun/event_loop.hpp"

namespace backstop::tools {

class Queue {
 public:
  /// The first queue, which makes the device. The options are settled. Throws std::system_error or
  /// std::invalid_argument, and leaves nothing behind.
  Queue(const ServeOptions& options, Journal& journal);
  /// Another one of the same device.
  Queue(const ServeOptions& options, Journal& journal, const Queue& first, unsigned number);
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /// Serves until stop(). Throws std::system_error when the device or the capture fails.
  void serve();
  /// Closes what is open; stop() cuts that short.
  void close();
  /// Does both on a thread of its own, and calls `on_failure` there when one of them threw.
  void start(std::function<void()> on_failure);
  /// Waits for the end of that thread, if there is one. It must be done before the queue is destroyed.
  void wait();
  /// Throws what ended that thread.
  void check() const;
  /// Has the packets that come in here, though they may be another queue's, shown to others. Before anybody runs.
  void share_packets(PacketSharing::Show show) { link_.share_packets(std::move(show)); }
  /// Takes one that came in elsewhere. Any thread.
  void take_shared(Bytes packet);
  /// Any thread.
  void stop() { loop_.stop(); }

  /// What it is doing now. Any thread but that of another queue which may be asked the same.
  [[nodiscard]] Status status();
  /// What it has seen. After close().
  [[nodiscard]] const Summary& summary() const { return summary_; }

  [[nodiscard]] tun::EventLoop& loop() { return loop_; }
  [[nodiscard]] const tun::TunDevice& device() const { return link_.device(); }

 private:
  void begin(const ServeOptions& options, Journal& journal);
  void describe(Status& status) const;
  void count(Summary& summary) const;
  void close_connections();
  [[nodiscard]] bool everything_is_closed() const;

  const unsigned number_ = 0;
  Link link_;
  Stack stack_;
  tun::EventLoop loop_;
  std::optional<Serving> serving_;  // after the loop: its tasks watch descriptors there
  Summary summary_;
  std::atomic<int> shared_to_take_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool has_ended_ = false;  // its thread; under the mutex
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace backstop::tools
