// What can be seen of the fallback manager's work: one event a step of each flow, and counters.
// Read next: manager.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fallback/handle.hpp"
#include "stack/tcp/time.hpp"
#include "stack/wire/address.hpp"

namespace backstop {

/// What became of a flow before any handshake. Every flow gets exactly one.
enum class Verdict : std::uint8_t {
  declined,     ///< by every handler: RST
  accepted,     ///< SYN,ACK
  cookie,       ///< accepted while too many were in their handshake: SYN,ACK with a SYN cookie, and forgotten
  rejected,     ///< RST
  dropped,      ///< silence
  unreachable,  ///< ICMP
  over_limit,   ///< claimed, and refused by a limit or for want of a connection slot
  failed,       ///< the handler threw: RST
  expired,      ///< deferred, and not answered in time
  cancelled,    ///< deferred, and the peer gave up, or the manager ended
  count_,
};

inline constexpr std::size_t verdict_count = static_cast<std::size_t>(Verdict::count_);

std::string_view to_string(Verdict verdict);

/// The steps of a flow, in order. `deferred` is for some only; `established` or `failed` follows Verdict::accepted.
/// `closed` is the last of every flow: the manager has let go of it.
enum class Step : std::uint8_t { seen, consulted, deferred, decided, established, failed, closed };

std::string_view to_string(Step step);

/// Why a flow that was accepted ended. `none` where nothing went wrong.
enum class Cause : std::uint8_t {
  none,
  connection_ended,   ///< before it was established: reset by the peer, or the handshake timed out in the stack
  half_open_timeout,  ///< the manager's
  shed,               ///< in favour of a newer flow, by a limit
  handler_failed,     ///< the connection handler threw: RST
  no_memory,          ///< for the frame of its coroutine, so it never ran: RST
  manager_ended,
};

std::string_view to_string(Cause cause);

struct FlowEvent {
  std::uint64_t flow = 0;  ///< counts the flows seen, from 1
  Step step = Step::seen;
  FourTuple tuple;  ///< local is the destination that was asked for
  Instant at{};
  HandlerId handler;                    ///< from `consulted` on: who claimed it, if anybody did
  Verdict verdict = Verdict::declined;  ///< from `decided` on
  Cause cause = Cause::none;            ///< of `failed` and `closed`
};

/// Only grow. Every SYN seen, and every cookie that came back, is counted in exactly one of `absorbed`, `repeated` and,
/// as a new flow, in a verdict or among the flows that are pending now.
struct FallbackCounters {
  std::uint64_t syns = 0;
  std::uint64_t cookies = 0;   ///< acknowledgments that brought a SYN cookie back
  std::uint64_t absorbed = 0;  ///< retransmitted, of a flow that is pending
  std::uint64_t repeated = 0;  ///< retransmitted, and given the verdict that its flow had
  std::array<std::uint64_t, verdict_count> verdicts{};

  std::uint64_t consultations = 0;      ///< calls of handlers
  std::uint64_t deferred = 0;           ///< flows that waited for a token's answer
  std::uint64_t shed = 0;               ///< flows ended in favour of newer ones
  std::uint64_t handovers = 0;          ///< pending flows that went to another handler
  std::uint64_t callback_failures = 0;  ///< handlers that threw

  std::uint64_t established = 0;
  std::uint64_t handshakes_failed = 0;   ///< accepted, never established
  std::uint64_t half_open_timeouts = 0;  ///< of those, ended by the manager's own deadline
  std::uint64_t handler_failures = 0;    ///< connection handlers that threw, or had no memory to run
  std::uint64_t finished = 0;            ///< established, and their connection handler has ended

  [[nodiscard]] std::uint64_t of(Verdict verdict) const { return verdicts[static_cast<std::size_t>(verdict)]; }
};

/// The flows that the manager holds now.
struct FallbackGauges {
  std::uint32_t pending = 0;    ///< wait for a token's answer
  std::uint32_t half_open = 0;  ///< accepted, in their handshake
  std::uint32_t served = 0;     ///< established, their connection handler running

  [[nodiscard]] std::uint32_t in_flight() const { return pending + half_open + served; }
};

/// Of one handler.
struct HandlerCounters {
  std::uint64_t consultations = 0;
  std::array<std::uint64_t, verdict_count> verdicts{};  ///< of flows that it claimed or refused; declined: its own word
  std::uint64_t deferred = 0;
  std::uint64_t established = 0;
  std::uint64_t finished = 0;

  [[nodiscard]] std::uint64_t of(Verdict verdict) const { return verdicts[static_cast<std::size_t>(verdict)]; }
};

/// What is remembered about a port that flows were seen for. Bounded; the one least recently asked for goes first.
struct PortRecord {
  Instant first_seen{};
  Instant last_seen{};
  std::uint64_t flows = 0;
  std::array<std::uint64_t, verdict_count> verdicts{};
};

}  // namespace backstop
