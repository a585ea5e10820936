// The turns in a connection's life that several events share: established, into TIME-WAIT, closed well, closed badly.
#pragma once

#include "stack/tcp/tcb.hpp"

namespace backstop::tcp {

/// Borrows a Flight for what is about to be written or sent, when there is none yet.
void begin_flight(Tcb& tcb, Environment& env);
/// Gives it back when all is acknowledged, and nothing is written that was not sent.
void end_flight_when_idle(Tcb& tcb, Environment& env);
/// Forgets all that was written or is in flight.
void drop_flight(Tcb& tcb, Environment& env);

/// Both SYNs are acknowledged: SYN-SENT or SYN-RECEIVED ends well. A CLOSE that came earlier takes effect now.
void establish(Tcb& tcb, Environment& env, Instant now);
/// TIME-WAIT, for 2 MSL from now (MUST-13); again when the peer's FIN comes again.
void enter_time_wait(Tcb& tcb, Environment& env, Instant now);
/// CLOSED after both FINs. What arrived can still be read.
void finish(Tcb& tcb, Environment& env);
/// CLOSED because of `error`; all queues are flushed (RFC 9293 section 3.10.7.4 second, section 3.10.8).
[[gnu::cold]] void fail(Tcb& tcb, Environment& env, Error error);

/// Something that does not end the connection but that its user may want to know (RFC 9293 section 3.9.1.8).
[[gnu::cold]] void report_error(Tcb& tcb, const Environment& env, Error error);

}  // namespace backstop::tcp
