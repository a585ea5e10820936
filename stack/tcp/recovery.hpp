// The congestion window around a loss: entering and leaving recovery, and in between Proportional Rate Reduction
// (RFC 6937 with the safe-ACK rule of its revision), which spreads the reduction over the acknowledgments.
#pragma once

#include "stack/tcp/tcb.hpp"

namespace backstop::tcp {

/// A loss was detected by acknowledgments, with `flight_size` octets unacknowledged before them.
[[gnu::cold]] void enter_recovery(Tcb& tcb, Environment& env, std::uint32_t flight_size, Instant now);
/// The retransmission timer has fired: everything is lost, slow start from one segment (RFC 5681 section 3.1).
[[gnu::cold]] void enter_loss(Tcb& tcb, Environment& env, Instant now);
/// Everything that was out when recovery began is acknowledged.
[[gnu::cold]] void leave_recovery(Tcb& tcb);
/// A loss was repaired so early (by a loss probe) that there was no recovery, but the path must still be given relief.
[[gnu::cold]] void reduce_once(Tcb& tcb, Environment& env, std::uint32_t flight_size);
/// Eifel (RFC 3522, RFC 4015): when `segment` acknowledges what was sent before our first retransmission, the loss was
/// none, and the reaction to it is taken back.
void undo_if_spurious(Tcb& tcb, Environment& env, const wire::Segment& segment);
/// An ACK in recovery told that `delivered` octets have left. `safe`: SND.UNA moved and no further loss was found.
[[gnu::cold]] void reduce_proportionally(Tcb& tcb, std::uint32_t delivered, bool safe);

}  // namespace backstop::tcp
