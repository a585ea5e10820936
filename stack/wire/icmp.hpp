// ICMP (RFC 792): echo, and the errors that name a TCP connection by the header that they quote (RFC 1122 3.2.2).
// Read next: stack/icmp.hpp, what the stack does with them.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "stack/wire/ipv4.hpp"
#include "stack/wire/seq.hpp"

namespace backstop::wire {

inline constexpr std::size_t icmp_header_size = 8;

enum class IcmpType : std::uint8_t {
  echo_reply = 0,
  destination_unreachable = 3,
  source_quench = 4,
  echo_request = 8,
  time_exceeded = 11,
  parameter_problem = 12,
};

/// Codes of destination_unreachable (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1).
enum class UnreachableCode : std::uint8_t {
  net = 0,
  host = 1,
  protocol = 2,
  port = 3,
  fragmentation_needed = 4,
  source_route_failed = 5,
  admin_prohibited = 13
};

struct IcmpMessage {
  IcmpType type = IcmpType::echo_request;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  ///< the four octets behind the checksum: identifier and number, or next-hop MTU
  Bytes payload;
};

/// Checks length and checksum.
std::expected<IcmpMessage, Drop> parse_icmp(Bytes bytes);

/// Writes the 8-octet header of a message whose payload is `payload`; `out` holds at least icmp_header_size octets.
void emit_icmp_header(const IcmpMessage& message, MutableBytes out);

/// The TCP segment of ours that an ICMP error is about, as far as the quotation tells (RFC 792: header and 64 bits).
struct QuotedSegment {
  FourTuple tuple;  ///< local is the quoted source: the quoted packet was ours
  SeqNum seq;
};

/// Reads the quotation of an ICMP error. Nothing when it is not TCP, a later fragment, or too short.
std::optional<QuotedSegment> parse_quoted_segment(Bytes quotation);

}  // namespace backstop::wire
