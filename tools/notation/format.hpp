// The project's one way to write packets, as tcpdump and packetdrill write them:
//
//   S  0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>
//   P. 1:101(100) ack 1 win 65535
//   icmp: echo request, id 7, seq 1, length 64
//
// Control bits are tcpdump's letters, S F R P . U E W ('.' is ACK, '-' none at all); then sequence numbers
// from:to(octets of text), relative to the initial sequence numbers (RFC 9293 section 3.4.1) when these are known. Read
// next: pattern.hpp, the same notation read; transcript.hpp, whole conversations in it.
#pragma once

#include <cstdint>
#include <string>

#include "stack/wire/icmp.hpp"
#include "stack/wire/segment.hpp"

namespace backstop::notation {

/// Where the numbers of one segment count from. With zeros, numbers are as on the wire.
struct Relative {
  SeqNum isn;       ///< the sender's initial sequence number: SEG.SEQ counts from it
  SeqNum peer_isn;  ///< the receiver's: SEG.ACK and the edges of SACK blocks count from it

  friend bool operator==(const Relative&, const Relative&) = default;
};

/// The RST,ACK to a segment without ACK has the number zero by rule (RFC 9293 section 3.10.7.1), which is no point of
/// the sender's sequence space. It looks like a RST,ACK of a connection whose numbers have just wrapped.
bool is_zero_by_rule(const wire::Segment& segment);
/// SEG.SEQ as a line writes it. What is zero by rule stays zero, unless it may lie ahead of the ISN.
std::uint32_t relative_seq(const wire::Segment& segment, Relative relative);
/// SEG.ACK as a line writes it.
std::uint32_t relative_ack(const wire::Segment& segment, Relative relative);

/// "S.", "P.", "SEW"; "-" for none.
std::string format(wire::Flags flags);
/// "1:101(100)". A number less than 16 MB in front of the origin is written as negative.
std::string format_range(std::uint32_t from, std::size_t text_size);
/// The options between angle brackets, in the order they are emitted in; empty when there are none.
std::string format(const wire::TcpOptions& options, SeqNum sack_origin);

std::string format(const wire::Segment& segment, Relative relative = {});
/// `quoted_isn` is the initial sequence number of whom a quoted segment came from.
std::string format(const wire::IcmpMessage& message, SeqNum quoted_isn = {});

}  // namespace backstop::notation
