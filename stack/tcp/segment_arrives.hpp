// SEGMENT ARRIVES (RFC 9293 section 3.10.7) for a connection that exists: SYN-SENT, and the eight steps of all others.
// Read next: acknowledgment.hpp for what the fifth step does; output.hpp for everything that is not an immediate reply.
#pragma once

#include <optional>

#include "stack/tcp/tcb.hpp"
#include "stack/wire/plain_segment.hpp"

namespace backstop::tcp {

/// Processes one segment. At most one reply that must not wait or be merged with others (RST, challenge ACK, duplicate
/// ACK) is returned; everything else comes from output(). The connection may be CLOSED afterwards.
/// `congestion_experienced`: its datagram carried the CE mark (RFC 3168 section 5).
std::optional<wire::Segment> segment_arrives(Tcb& tcb, const wire::Segment& segment, bool congestion_experienced,
                                             Environment& env, Instant now);

/// The same without its short cut for the SYN,ACK that answers our SYN: what that is tested against.
std::optional<wire::Segment> segment_arrives_by_steps(Tcb& tcb, const wire::Segment& segment,
                                                      bool congestion_experienced, Environment& env, Instant now);

/// Whether there is a short cut for it, from SYN-RECEIVED on: it is the next in order, there is room for all of it, and
/// it says nothing out of the ordinary (header prediction, Jacobson 1990). It may complete the handshake, acknowledge
/// our FIN, and carry the peer's.
bool is_expected(const Tcb& tcb, const wire::PlainSegment& segment, const Environment& env);
/// The short cut: what segment_arrives() comes to for a segment that is expected. Unless its checksum `is_verified`,
/// its text is added to its sum while it is copied to where it belongs. False when the checksum was wrong; then nothing
/// has happened. The connection may be CLOSED afterwards.
bool expected_segment_arrives(Tcb& tcb, wire::PlainSegment& segment, bool is_verified, Environment& env, Instant now);
/// The same for one that is verified and whose text lies in its place already (ReceiveQueue::prepare): it is not read.
void placed_segment_arrives(Tcb& tcb, const wire::PlainSegment& segment, Environment& env, Instant now);

/// Passive open by a SYN (section 3.10.7.2, third): SYN-RECEIVED, the SYN,ACK comes from output(). Text in the SYN, and
/// its FIN, are kept.
void open_passively(Tcb& tcb, const FourTuple& tuple, SeqNum iss, std::uint32_t ts_offset, const wire::Segment& syn,
                    Environment& env, Instant now);

/// The handshake of a passive open is complete, though this connection never sent its SYN,ACK: `ack` brought a SYN
/// cookie back. The segment itself is still to be processed.
void complete_by_cookie(Tcb& tcb, const wire::Segment& ack, Environment& env, Instant now);

/// What active and passive open have in common: a fresh block that offers what the parameters allow.
void begin_open(Tcb& tcb, const FourTuple& tuple, SeqNum iss, std::uint32_t ts_offset, Environment& env, Instant now);

/// Whether a SYN may take over a connection in TIME-WAIT (RFC 6191; MAY-2).
bool may_reopen(const Tcb& tcb, const wire::Segment& syn, const Environment& env);

}  // namespace backstop::tcp
