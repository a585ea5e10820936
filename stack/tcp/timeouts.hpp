// Everything that happens because time has passed (RFC 9293 section 3.10.8): retransmission (RFC 6298), zero-window
// probes, delayed acknowledgments, keep-alive, the user timeout and the end of TIME-WAIT.
// Read next: output.hpp, which sends what these ask for.
#pragma once

#include "stack/tcp/tcb.hpp"

namespace backstop::tcp {

/// When handle_timeouts() has something to do; `never` when nothing is owed.
Instant next_deadline(const Tcb& tcb);
/// Acts on every deadline that has passed. The connection may be CLOSED afterwards.
void handle_timeouts(Tcb& tcb, Environment& env, Instant now);

void arm_retransmission(Tcb& tcb, const Environment& env, Instant now);
/// The same, or before it a loss probe (RFC 8985 section 7.2) when the tail of a flight may be lost in silence.
void arm_loss_timer(Tcb& tcb, const Environment& env, Instant now);
[[gnu::cold]] void arm_persist(Tcb& tcb, const Environment& env, Instant now);
/// Nothing is outstanding: no retransmission, no reordering timer. TIME-WAIT stays.
void stop_timer(Tcb& tcb);
/// Sets the slow timer for what an idle connection waits for: keep-alive, or a FIN that nobody wants any more.
void watch_idle(Tcb& tcb, const Environment& env, Instant now);

/// The clock behind TSval: milliseconds of the driver's epoch.
std::uint32_t timestamp_clock(Instant now);
/// TSval at `now`: a millisecond clock with an offset of the connection's own (RFC 7323 section 5.4).
std::uint32_t timestamp_now(const Tcb& tcb, Instant now);

}  // namespace backstop::tcp
