// IPv4 headers (RFC 791): parsed into a value that can always be emitted again. Options are skipped over.
// Deviation: MUST-51, MUST-52, MUST-53, SHLD-24: no source routes, neither given by the user nor returned to a peer.
// Routers have dropped packets that carry one for decades, and a host that follows one is led around its firewall.
// Read next: segment.hpp for what a TCP packet carries; stack/reassembly.hpp for fragments.
#pragma once

#include <cstdint>
#include <expected>

#include "stack/wire/address.hpp"
#include "stack/wire/bytes.hpp"
#include "stack/wire/drop.hpp"

namespace backstop::wire {

inline constexpr std::uint8_t protocol_icmp = 1;
inline constexpr std::uint8_t protocol_tcp = 6;
inline constexpr std::uint8_t protocol_udp = 17;

inline constexpr std::size_t ipv4_header_size = 20;  // without options
inline constexpr std::size_t max_datagram_size = 65'535;

struct Ipv4Header {
  Ipv4Address source;
  Ipv4Address destination;
  std::uint8_t protocol = protocol_tcp;
  std::uint8_t ttl = 64;
  std::uint8_t tos = 0;  ///< DSCP in the upper six bits, ECN in the lower two (RFC 3168 section 5)
  std::uint16_t id = 0;
  bool dont_fragment = false;
  bool more_fragments = false;
  std::uint16_t fragment_offset = 0;  ///< in octets, a multiple of 8

  friend bool operator==(const Ipv4Header&, const Ipv4Header&) = default;

  [[nodiscard]] bool is_fragment() const { return more_fragments || fragment_offset != 0; }
};

/// A parsed datagram: the header, the payload cut to the total length, and the header's bytes (for ICMP to quote).
struct Ipv4Datagram {
  Ipv4Header header;
  Bytes payload;
  Bytes whole;  ///< header and payload as received
};

/// Checks version, lengths and header checksum; bytes behind the total length are padding and cut off.
std::expected<Ipv4Datagram, Drop> parse_ipv4(Bytes packet);

/// Writes a 20-octet header for a payload of `payload_size` octets, checksum included. `out` holds at least 20 octets.
void emit_ipv4(const Ipv4Header& header, std::size_t payload_size, MutableBytes out);

}  // namespace backstop::wire
