// The form that nearly all segments of a connection have, read from a packet at once: a whole datagram without IPv4
// options, ACK and no other control bit but PSH, FIN and RST, no TCP options but padded timestamps. What has another
// form, or is wrong, is for parse_ipv4() and parse_segment() to judge. Read next: stack/demultiplex.cpp,
// plain_segment_arrives.
#pragma once

#include <optional>

#include "stack/wire/address.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/segment.hpp"

namespace backstop::wire {

struct PlainSegment {
  FourTuple tuple;  ///< of the connection that it would belong to: its addresses and ports are not judged
  SeqNum seq;
  SeqNum ack;
  Flags flags;
  bool congestion_experienced = false;  ///< the CE mark (RFC 3168 section 5)
  bool stamped = false;                 ///< it has timestamps
  std::uint16_t window = 0;             ///< as on the wire, not scaled
  std::uint32_t ts_value = 0;
  std::uint32_t ts_echo = 0;
  Bytes text;
  Checksum sum;  ///< of the pseudo-header and the TCP header

  [[nodiscard]] std::optional<Timestamps> timestamps() const {
    return stamped ? std::optional{Timestamps{ts_value, ts_echo}} : std::nullopt;
  }
  [[nodiscard]] bool checksum_is_right() const;
  /// The same as a segment of any form.
  [[nodiscard]] Segment segment() const;
};

/// The segment in `packet`, when it is plain and the IPv4 header's checksum is right.
std::optional<PlainSegment> parse_plain_segment(Bytes packet);

}  // namespace backstop::wire
