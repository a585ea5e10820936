// What a fallback handler says about one flow, and what takes the flow over when it says yes.
// Deciding comes before SYN,ACK: who was accepted and then closed has seen an open port.
// Read next: consultation.hpp, what a handler is asked; manager.hpp, who asks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "stack/coroutine.hpp"
#include "stack/stream.hpp"
#include "stack/wire/icmp.hpp"

namespace backstop {

/// Takes over an accepted flow once it is established. Called once, on the executor; it lives as long as the task that
/// it returns, so a lambda may be a coroutine and use what it captured. Captures of up to 24 octets need no heap.
using ConnectionHandler = std::move_only_function<Task(Stream)>;

/// How to turn a flow away: RST, silence, or ICMP destination unreachable.
struct Refusal {
  enum class Kind : std::uint8_t { reject, drop, unreachable };
  Kind kind = Kind::reject;
  wire::UnreachableCode code = wire::UnreachableCode::port;  ///< for Kind::unreachable

  friend bool operator==(const Refusal&, const Refusal&) = default;
};

/// A handler's word on one flow. Made by the functions below; `FallbackDecision{}` declines.
class FallbackDecision {
 public:
  enum class Kind : std::uint8_t { decline, accept, refuse, defer };

  /// Not mine: the next handler is asked, and after the last one the flow gets RST.
  FallbackDecision() = default;
  /// The pair (handler?, intercept): (any, false) declines, (handler, true) accepts, (none, true) rejects.
  FallbackDecision(std::pair<ConnectionHandler, bool> pair)  // NOLINT: both spellings are meant to work
      : FallbackDecision(from(std::move(pair.first), pair.second)) {}
  FallbackDecision(Refusal refusal) : kind_(Kind::refuse), refusal_(refusal) {}  // NOLINT: a refusal is a decision

  static FallbackDecision decline() { return {}; }
  /// SYN,ACK now; `handler` when the handshake is done. An empty handler rejects.
  static FallbackDecision accept(ConnectionHandler handler) { return from(std::move(handler), true); }
  /// RST: "connection refused".
  static FallbackDecision reject() { return Refusal{}; }
  /// Silence: the port looks filtered.
  static FallbackDecision drop() { return Refusal{Refusal::Kind::drop}; }
  /// ICMP destination unreachable (RFC 1122 section 3.2.2.1).
  static FallbackDecision unreachable(wire::UnreachableCode code = wire::UnreachableCode::port) {
    return Refusal{Refusal::Kind::unreachable, code};
  }
  /// The answer comes by the token that Consultation::defer() gave; without having called that, it rejects.
  static FallbackDecision defer() {
    FallbackDecision decision;
    decision.kind_ = Kind::defer;
    return decision;
  }

  static FallbackDecision from(ConnectionHandler handler, bool intercept) {
    if (!intercept) return {};
    if (!handler) return Refusal{};
    FallbackDecision decision;
    decision.kind_ = Kind::accept;
    decision.handler_ = std::move(handler);
    return decision;
  }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] Refusal refusal() const { return refusal_; }
  /// The handler of one that accepts.
  [[nodiscard]] ConnectionHandler take_handler() { return std::move(handler_); }

 private:
  Kind kind_ = Kind::decline;
  Refusal refusal_;
  ConnectionHandler handler_;
};

}  // namespace backstop
