// The registered handlers and the order in which they are asked. Handlers come and go on any thread, also while one of
// them is called; the lock is never held during a call, nor while captures are destroyed.
// Read next: manager.hpp, who asks them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "fallback/consultation.hpp"
#include "fallback/decision.hpp"
#include "fallback/handle.hpp"
#include "fallback/limits.hpp"

namespace backstop {

namespace detail {

class Registry {
 public:
  using Callback = std::move_only_function<FallbackDecision(Consultation&)>;

  explicit Registry(std::uint32_t max_handlers);

  // From any thread.

  /// Nothing when there are as many handlers as there may be.
  std::optional<HandlerId> add(Callback callback, const HandlerOptions& options);
  /// FallbackHandle::reset() says what it does. False when there is no such handler (any more).
  bool remove(HandlerId id);
  [[nodiscard]] bool contains(HandlerId id) const;
  [[nodiscard]] std::uint32_t size() const;
  /// Changes whenever a handler comes or goes.
  [[nodiscard]] std::uint64_t version() const;

  // From the thread that drives the stack.

  /// Where a consultation stands: behind a handler, and blind for those that came after its beginning.
  struct Cursor {
    int priority = 0;
    std::uint32_t number = 0;  // of the handler last asked; 0: none yet
    std::uint32_t last_number = 0;
  };
  struct Turn {
    HandlerId id;
    HandlerOptions options;
    Callback* callback;
  };
  [[nodiscard]] Cursor start() const;
  /// The next handler to ask, which is then being called until leave(); nothing after the last one.
  std::optional<Turn> enter(Cursor& cursor);
  void leave(const Turn& turn);
  /// Takes all handlers away.
  void clear();

 private:
  enum class Use : std::uint8_t { free, registered, leaving };
  struct Entry {
    Use use = Use::free;
    bool awaited = false;  // another thread waits for the running call, and will destroy the callback
    std::uint32_t number = 0;
    HandlerOptions options;
    std::unique_ptr<Callback> callback;  // Why: moved under the lock, which must not run a line of the user's
  };

  Entry* find(HandlerId id);
  [[nodiscard]] const Entry* find(HandlerId id) const;
  void insert_in_order(std::uint32_t slot);
  static bool is_behind(const Cursor& cursor, const Entry& entry);

  mutable std::mutex mutex_;
  std::condition_variable call_ended_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> order_;  // slots of the registered ones
  std::uint32_t last_number_ = 0;
  std::uint64_t version_ = 0;
  const Entry* running_ = nullptr;
  const void* running_thread_ = nullptr;
};

}  // namespace detail
}  // namespace backstop
