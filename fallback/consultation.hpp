// One handler being asked about one flow.
// Read next: decision.hpp, what it can say.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "fallback/decision.hpp"
#include "fallback/deferrals.hpp"
#include "fallback/handle.hpp"
#include "fallback/limits.hpp"
#include "stack/syn_info.hpp"

namespace backstop {

class FallbackManager;

struct DeferOptions {
  /// Why: longer than a dial across the world takes, shorter than the third SYN of a Linux client (7 s) is away.
  Duration timeout = std::chrono::seconds{5};
  /// What the peer gets when there is no answer by then.
  Refusal refusal{};
  CancelHandler on_cancel{};
};

/// Valid during the call of the handler only.
class Consultation {
 public:
  Consultation(const Consultation&) = delete;
  Consultation& operator=(const Consultation&) = delete;

  [[nodiscard]] const SynInfo& syn() const { return syn_; }
  [[nodiscard]] const Endpoint& source() const { return syn_.tuple.remote; }
  [[nodiscard]] const Endpoint& destination() const { return syn_.tuple.local; }
  /// Which SYN of the flow this is, as far as it is known: 2 for the first retransmission.
  [[nodiscard]] std::uint32_t attempt() const { return attempt_; }
  [[nodiscard]] Instant now() const { return now_; }

  /// The decision shall come later: whoever holds the token makes it, and the handler returns
  /// FallbackDecision::defer(). Nothing is sent until then. The token is empty when a limit refuses to hold the flow,
  /// when one was given already, or when a SYN cookie has answered already (SynInfo::cookie); to defer then is to
  /// refuse.
  [[nodiscard]] DeferToken defer(DeferOptions options = {});

 private:
  friend class FallbackManager;
  static constexpr std::uint32_t none = 0xffff'ffff;

  Consultation(FallbackManager& manager, const SynInfo& syn, std::uint64_t number, std::uint32_t attempt, Instant now)
      : manager_(manager), syn_(syn), number_(number), attempt_(attempt), now_(now) {}

  FallbackManager& manager_;
  const SynInfo& syn_;
  std::uint64_t number_;  // of the flow
  std::uint32_t attempt_;
  Instant now_;
  HandlerId handler_;  // that is being asked
  HandlerOptions handler_options_;
  std::uint32_t flow_ = none;            // the place that defer() took
  std::optional<OverLimit> over_limit_;  // why it could not
};

}  // namespace backstop
