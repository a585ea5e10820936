// The one output function: what a connection sends next, from everything it owes (RFC 9293
// sections 3.7.4, 3.8.3, 3.8.6). Immediate replies to odd segments are not here: segment_arrives() returns those.
#pragma once

#include <cstdint>

#include "stack/tcp/tcb.hpp"

namespace backstop::tcp {

/// A segment to send: its header, and where in the send queue its text lies.
struct Outgoing {
  wire::Segment segment;
  std::uint32_t text_offset = 0;  ///< from the front of the send queue
  std::uint32_t text_size = 0;
  bool ecn_capable = false;  ///< its datagram carries ECT(0) (RFC 3168 section 5)
  bool last = false;         ///< certainly nothing else is to be sent now
  std::uint32_t mss = 0;     ///< where a device cuts it, when text_size is larger
};

/// Makes `out`, which is fresh, the next segment to send, in order of need: handshake, retransmission, new text and
/// FIN, probes, acknowledgment. It counts as sent then. False when nothing may be sent now.
bool output(Tcb& tcb, Environment& env, Instant now, Outgoing& out);

/// The same without the short cut for a lone segment: what that is tested against.
bool output_by_steps(Tcb& tcb, Environment& env, Instant now, Outgoing& out);

/// False when output() would certainly do nothing.
bool wants_turn(const Tcb& tcb);

/// An acknowledgment of what has arrived, with SACK blocks: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>.
wire::Segment make_ack(Tcb& tcb, Environment& env, Instant now);
/// SYN, or SYN,ACK in SYN-RECEIVED.
wire::Segment make_syn(const Tcb& tcb, const Environment& env, Instant now);
/// RST that aborts: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>.
[[gnu::cold]] wire::Segment make_reset(const Tcb& tcb, Instant now);

/// RCV.WND for the next segment: it grows by enough or not at all (RFC 9293 section 3.8.6.2.2).
std::uint32_t window_to_offer(const Tcb& tcb, const Environment& env, std::uint32_t mss);
/// The same without the short cut for one that cannot grow: what that is tested against.
std::uint32_t window_to_offer_by_steps(const Tcb& tcb, const Environment& env, std::uint32_t mss);
/// Whether the window has grown so much since the peer was told that it must hear of it at once.
bool window_update_is_due(const Tcb& tcb, const Environment& env);
/// The window for a SYN: what there is room for, and no more than fits without scaling.
std::uint32_t first_window(const Tcb& tcb, const Environment& env);

}  // namespace backstop::tcp
