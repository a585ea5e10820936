// RACK (RFC 8985): a segment is lost when one sent well after it has arrived. With SACK only; without it, three
// duplicate acknowledgments say so (RFC 5681 section 3.2), and acknowledgment.cpp looks after them.
#pragma once

#include "stack/tcp/tcb.hpp"

namespace backstop::tcp {

/// Whether the echoed timestamp shows that the record's last transmission has arrived, and no earlier one (RFC 7323).
bool echoes_last_transmission(const Tcb& tcb, const SentRecord& record, const wire::Segment& segment);

/// A record was acknowledged or SACKed just now (section 6.2, steps 1 to 3).
void rack_update(Tcb& tcb, const SentRecord& record, const wire::Segment& segment, Instant now);

/// The peer reports a duplicate (RFC 2883): something was sent again too early, so be more patient (section 6.2 step
/// 4).
[[gnu::cold]] void rack_note_duplicate(Tcb& tcb);

/// Marks what is lost by now, and arms the reordering timer for what may be soon (section 6.2, steps 4 and 5).
/// Returns whether something was marked.
bool rack_detect_loss(Tcb& tcb, Environment& env, Instant now);

}  // namespace backstop::tcp
