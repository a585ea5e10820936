// Finds the IPv4 packet in a frame, whatever the capture's link type, behind VLAN tags (802.1Q, 802.1ad) and PPPoE.
// Read next: packet_reader.hpp.
#pragma once

#include <cstdint>
#include <string>

#include "stack/wire/bytes.hpp"

namespace backstop::capture {

enum class Payload : std::uint8_t {
  ipv4,
  ipv6,
  other,      ///< ARP, LLDP and the like
  malformed,  ///< the frame ends inside its link-layer header
};

struct LinkPayload {
  Payload kind = Payload::other;
  Bytes bytes;  ///< of the IPv4 or IPv6 packet, trailers included
};

/// Whether frames of this link type (a DLT_ value) can be read here.
bool is_known_link_type(int link_type);

/// "IEEE802_11 (802.11)" or, without a name, "link type 299".
std::string link_type_name(int link_type);

/// `link_type` must be a known one.
LinkPayload find_ip(int link_type, Bytes frame);

}  // namespace backstop::capture
