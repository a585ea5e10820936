// Flows that wait for their handler's answer: the handler holds a token, and answers by it on any thread.
// A token names a place and the generation of what waits there, so one that comes late does no harm.
// Read next: consultation.hpp, where a handler gets its token.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fallback/decision.hpp"

namespace backstop {

/// Why an answer was not taken.
enum class AnswerError : std::uint8_t {
  already_answered,
  expired,    ///< its time had passed, and the flow was refused
  cancelled,  ///< the peer gave up, the handler left, a limit shed the flow, or the manager is gone
};

std::string_view to_string(AnswerError error);

/// Called once, on the thread that drives the stack, when the token has become worthless: to stop a dial, say. What it
/// throws is dropped.
using CancelHandler = std::move_only_function<void()>;

class FallbackManager;

namespace detail {

struct FallbackShared;

class Deferrals {
 public:
  explicit Deferrals(std::uint32_t capacity) : boxes_(capacity) {}

  // From any thread.

  std::expected<void, AnswerError> answer(std::uint32_t slot, std::uint32_t generation, FallbackDecision&& decision);
  [[nodiscard]] bool waits(std::uint32_t slot, std::uint32_t generation) const;

  // From the thread that drives the stack.

  /// Something waits in `slot` now; returns its generation.
  std::uint32_t open(std::uint32_t slot, CancelHandler on_cancel);
  struct Answer {
    std::uint32_t slot;
    FallbackDecision decision;
  };
  /// The oldest answer that nobody took yet.
  std::optional<Answer> take_answer();
  /// The time of what waits in `slot` has passed: calls its CancelHandler. False when it has been answered already, and
  /// take_answer() will return it.
  bool expire(std::uint32_t slot);
  /// Ends the wait in `slot` even when an answer was given that nobody took yet.
  void cancel(std::uint32_t slot);

 private:
  enum class Progress : std::uint8_t { idle, waiting, answered, expired, cancelled };
  struct Box {
    std::uint32_t generation = 0;
    Progress progress = Progress::idle;
    std::uint32_t next_answer = none;
    std::variant<std::monostate, CancelHandler, FallbackDecision> content;
  };
  static constexpr std::uint32_t none = 0xffff'ffff;

  void call_off(std::unique_lock<std::mutex>& lock, Box& box, Progress reason);
  void forget_answer(std::uint32_t slot);

  mutable std::mutex mutex_;
  std::vector<Box> boxes_;
  std::uint32_t oldest_answer_ = none;
  std::uint32_t newest_answer_ = none;
};

}  // namespace detail

/// The right to answer one deferred flow, once, from any thread, also when the manager is gone.
/// Destroyed unanswered it rejects.
class DeferToken {
 public:
  DeferToken() = default;
  DeferToken(DeferToken&& other) noexcept
      : shared_(std::move(other.shared_)), slot_(other.slot_), generation_(other.generation_) {}
  DeferToken& operator=(DeferToken&& other) noexcept;
  ~DeferToken() { reset(); }

  /// The answer takes effect when the thread that drives the stack next turns to it, for which it is woken. Of several,
  /// also from several threads at once, one wins. A decision to decline goes on to the next handler; to defer, rejects.
  std::expected<void, AnswerError> answer(FallbackDecision decision);
  std::expected<void, AnswerError> accept(ConnectionHandler handler) {
    return answer(FallbackDecision::accept(std::move(handler)));
  }
  std::expected<void, AnswerError> reject() { return answer(FallbackDecision::reject()); }
  std::expected<void, AnswerError> drop() { return answer(FallbackDecision::drop()); }
  std::expected<void, AnswerError> unreachable(wire::UnreachableCode code) {
    return answer(FallbackDecision::unreachable(code));
  }
  std::expected<void, AnswerError> decline() { return answer(FallbackDecision::decline()); }

  /// Whether an answer would be taken now.
  [[nodiscard]] bool waits() const;
  /// Lets the flow go: rejects it when it still waits.
  void reset();
  /// Whether it ever named a flow: not when a limit refused to hold it.
  explicit operator bool() const { return shared_ != nullptr; }

 private:
  friend class FallbackManager;
  DeferToken(std::shared_ptr<detail::FallbackShared> shared, std::uint32_t slot, std::uint32_t generation)
      : shared_(std::move(shared)), slot_(slot), generation_(generation) {}

  std::shared_ptr<detail::FallbackShared> shared_;
  std::uint32_t slot_ = 0;
  std::uint32_t generation_ = 0;
};

}  // namespace backstop
