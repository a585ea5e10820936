// Dynamic right-sizing of the receive buffer (Fisk and Feng, 2001): the window that a connection offers is a few times
// what its user reads in a round trip, so a fast transfer gets what it needs and the others leave the pool alone. It
// only grows. Read next: output.cpp, window_to_offer().
#pragma once

#include "stack/tcp/tcb.hpp"

namespace backstop::tcp {

/// A round trip begins: what is read from now on counts for it.
void begin_round(Tcb& tcb, Instant now);
/// After the user has read: has it been a round trip, and does the window have to grow?
void right_size(Tcb& tcb, const Environment& env, Instant now);

}  // namespace backstop::tcp
