// What keeps a fallback handler registered: an object, so that nobody forgets to take the handler away.
// Read next: manager.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace backstop {

namespace detail {
struct FallbackShared;
}

/// Names a handler; no later one has the same name.
struct HandlerId {
  std::uint32_t number = 0;  ///< 0: names nothing
  std::uint32_t slot = 0;

  friend bool operator==(const HandlerId&, const HandlerId&) = default;
};

/// Keeps a handler registered for as long as it lives. Move-only; may die on any thread, and after the manager.
class FallbackHandle {
 public:
  FallbackHandle() = default;
  FallbackHandle(FallbackHandle&& other) noexcept
      : shared_(std::move(other.shared_)), id_(std::exchange(other.id_, {})) {}
  FallbackHandle& operator=(FallbackHandle&& other) noexcept;
  ~FallbackHandle() { reset(); }

  /// Takes the handler away: it is called no more, and what it captured is destroyed. Called on another thread than the
  /// one that drives the stack, this waits for a call of the handler that is under way; called inside the handler it
  /// does not, and the captures go when the call has ended. Flows that wait for the handler's token go to the next
  /// handler. Connections that it accepted stay. Doing it twice does nothing.
  void reset();

  [[nodiscard]] HandlerId id() const { return id_; }
  /// Whether it names a handler: not when there was no room for one, and not after reset().
  explicit operator bool() const { return shared_ != nullptr; }

 private:
  friend class FallbackManager;
  FallbackHandle(std::shared_ptr<detail::FallbackShared> shared, HandlerId id) : shared_(std::move(shared)), id_(id) {}

  std::shared_ptr<detail::FallbackShared> shared_;
  HandlerId id_;
};

}  // namespace backstop
