// How other threads tell the one that drives the stack that there is work for the fallback manager.
// Read next: registry.hpp and deferrals.hpp, which ask for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace backstop::detail {

/// Names the calling thread, for as long as it lives.
inline const void* this_thread() {
  static thread_local const char marker = 0;
  return &marker;
}

/// Any thread may call request(); the thread that drives the stack calls the rest.
class Waker {
 public:
  explicit Waker(std::move_only_function<void()> wake) : wake_(std::move(wake)) {}

  /// There is work. Calls the embedder's function, unless it was called and nobody has begun to work since.
  void request() {
    if (requested_.exchange(true)) return;
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || !wake_) return;
      ++calling_;
    }
    wake_();
    const std::lock_guard lock(mutex_);
    --calling_;
    idle_.notify_all();
  }

  [[nodiscard]] bool requested() const { return requested_.load(); }
  /// The work is taken up; true when there is some.
  bool take_request() { return requested_.exchange(false); }
  /// After it, the embedder's function is not called, and no call is still under way.
  void close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    idle_.wait(lock, [this] { return calling_ == 0; });
  }

 private:
  std::atomic<bool> requested_ = false;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::move_only_function<void()> wake_;
  std::uint32_t calling_ = 0;
  bool closed_ = false;
};

}  // namespace backstop::detail
