// What an acceptable acknowledgment does to the sender: advance SND.UNA, free text, measure the round trip, update the
// window, find losses and steer the congestion window (RFC 9293 section 3.10.7.4 fifth; RFC 5681, 6298, 6582, 6675,
// 6937). Read next: loss_detection.hpp, congestion.hpp.
#pragma once

#include "stack/tcp/tcb.hpp"

namespace backstop::tcp {

/// `segment` acknowledges something between SND.UNA - MAX.SND.WND and SND.NXT.
void process_acknowledgment(Tcb& tcb, const wire::Segment& segment, Environment& env, Instant now);

/// The same in short for what nearly all acknowledgments of small messages are: there is nothing in flight, and so only
/// a window is told; or one segment is, and arrived when it was sent first. The segment has neither
/// SACK blocks nor ECE. Returns whether it was one of these; if not, nothing has happened.
bool process_plain_acknowledgment(Tcb& tcb, SeqNum seq, SeqNum ack, std::uint32_t window, Environment& env,
                                  Instant now);

/// And without the short ways: what they are tested against.
void process_acknowledgment_by_steps(Tcb& tcb, const wire::Segment& segment, Environment& env, Instant now);

/// The send window from a segment (WL1 and WL2 were tested). `window` is in octets, scaled.
void set_send_window(Tcb& tcb, SeqNum seq, SeqNum ack, std::uint32_t window);
void set_send_window(Tcb& tcb, const wire::Segment& segment);

}  // namespace backstop::tcp
