#include "tools/capture/link_layer.hpp"

#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace backstop::capture {
namespace {

using wire::load16;
using wire::load32;
using wire::load8;

// The numbers that files hold for raw IP next to DLT_RAW's own; systems disagree about them.
constexpr int dlt_raw_bsd = 12;
constexpr int dlt_raw_openbsd = 14;

constexpr std::uint16_t ethertype_ipv4 = 0x0800;
constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
constexpr std::uint16_t ethertype_pppoe_session = 0x8864;
constexpr std::array<std::uint16_t, 3> ethertypes_vlan{0x8100, 0x88a8, 0x9100};
constexpr std::uint16_t smallest_ethertype = 0x0600;  // below, the field is an 802.3 length

constexpr LinkPayload malformed{Payload::malformed, {}};

LinkPayload raw_ip(Bytes packet) {
  if (packet.empty()) return malformed;
  const unsigned version = load8(packet, 0) >> 4;
  if (version == 4) return {Payload::ipv4, packet};
  if (version == 6) return {Payload::ipv6, packet};
  return {Payload::other, packet};
}

// PPP's protocol field, one octet when compressed (RFC 1661 section 6.5), behind address and control that may be left
// out (section 6.6).
LinkPayload ppp(Bytes frame) {
  constexpr std::uint16_t address_and_control = 0xff03;
  constexpr std::uint16_t protocol_ipv4 = 0x0021;
  constexpr std::uint16_t protocol_ipv6 = 0x0057;
  if (frame.size() >= 2 && load16(frame, 0) == address_and_control) frame = frame.subspan(2);
  if (frame.empty()) return malformed;
  const bool is_compressed = (load8(frame, 0) & 1u) != 0;
  if (!is_compressed && frame.size() < 2) return malformed;
  const std::uint16_t protocol = is_compressed ? load8(frame, 0) : load16(frame, 0);
  const Bytes rest = frame.subspan(is_compressed ? 1 : 2);
  if (protocol == protocol_ipv4) return {Payload::ipv4, rest};
  if (protocol == protocol_ipv6) return {Payload::ipv6, rest};
  return {Payload::other, rest};
}

// Ethernet II's payload as 802.3 carries it: LLC and SNAP (RFC 1042).
LinkPayload llc(Bytes frame) {
  constexpr std::size_t snap_size = 8;
  constexpr std::uint32_t snap = 0xaaaa'0300;
  if (frame.size() < snap_size || load32(frame, 0) != snap) return {Payload::other, frame};
  const std::uint16_t type = load16(frame, 6);
  if (type == ethertype_ipv4) return {Payload::ipv4, frame.subspan(snap_size)};
  if (type == ethertype_ipv6) return {Payload::ipv6, frame.subspan(snap_size)};
  return {Payload::other, frame};
}

LinkPayload ethertype_payload(std::uint16_t type, Bytes rest) {
  constexpr std::size_t tag_size = 4;
  constexpr std::size_t pppoe_header_size = 6;
  while (std::ranges::find(ethertypes_vlan, type) != ethertypes_vlan.end()) {
    if (rest.size() < tag_size) return malformed;
    type = load16(rest, 2);
    rest = rest.subspan(tag_size);
  }
  if (type == ethertype_ipv4) return {Payload::ipv4, rest};
  if (type == ethertype_ipv6) return {Payload::ipv6, rest};
  if (type == ethertype_pppoe_session) return rest.size() < pppoe_header_size ? malformed : ppp(rest.subspan(6));
  if (type < smallest_ethertype) return llc(rest);
  return {Payload::other, rest};
}

// A header of `size` octets with an ethertype at `type_offset`.
LinkPayload behind_header(Bytes frame, std::size_t size, std::size_t type_offset) {
  if (frame.size() < size) return malformed;
  return ethertype_payload(load16(frame, type_offset), frame.subspan(size));
}

// BSD loopback: the address family as a number in the byte order of the host that captured; AF_INET is 2 everywhere.
LinkPayload loopback(Bytes frame) {
  constexpr std::size_t header_size = 4;
  constexpr std::array<std::uint32_t, 4> families_ipv6{10, 24, 28, 30};  // Linux, NetBSD, FreeBSD, Darwin
  if (frame.size() < header_size) return malformed;
  const std::uint32_t big = load32(frame, 0);
  const std::uint32_t family = std::min(big, __builtin_bswap32(big));
  const Bytes rest = frame.subspan(header_size);
  if (family == 2) return {Payload::ipv4, rest};
  if (std::ranges::find(families_ipv6, family) != families_ipv6.end()) return {Payload::ipv6, rest};
  return {Payload::other, rest};
}

LinkPayload pppoe(Bytes frame) {
  constexpr std::size_t header_size = 6;
  return frame.size() < header_size ? malformed : ppp(frame.subspan(header_size));
}

constexpr std::size_t ethernet_size = 14;
constexpr std::size_t linux_cooked_size = 16;
constexpr std::size_t linux_cooked_2_size = 20;

struct LinkType {
  int number;
  LinkPayload (*find)(Bytes);
};

constexpr std::array<LinkType, 12> link_types{{
    {DLT_EN10MB, [](Bytes frame) { return behind_header(frame, ethernet_size, 12); }},
    {DLT_LINUX_SLL, [](Bytes frame) { return behind_header(frame, linux_cooked_size, 14); }},
    {DLT_LINUX_SLL2, [](Bytes frame) { return behind_header(frame, linux_cooked_2_size, 0); }},
    {DLT_NULL, loopback},
    {DLT_LOOP, loopback},
    {dlt_raw_bsd, raw_ip},
    {dlt_raw_openbsd, raw_ip},
    {DLT_IPV4, [](Bytes frame) { return LinkPayload{Payload::ipv4, frame}; }},
    {DLT_PPP, ppp},
    {DLT_PPP_SERIAL, ppp},
    {DLT_PPP_ETHER, pppoe},
    {DLT_IPV6, [](Bytes frame) { return LinkPayload{Payload::ipv6, frame}; }},
}};

const LinkType* find_link_type(int number) {
  const auto* found = std::ranges::find(link_types, number, &LinkType::number);
  return found == link_types.end() ? nullptr : found;
}

}  // namespace

bool is_known_link_type(int link_type) { return find_link_type(link_type) != nullptr; }

std::string link_type_name(int link_type) {
  const char* name = pcap_datalink_val_to_name(link_type);
  if (name == nullptr) return "link type " + std::to_string(link_type);
  const char* description = pcap_datalink_val_to_description(link_type);
  return description == nullptr ? name : std::string(name) + " (" + description + ")";
}

LinkPayload find_ip(int link_type, Bytes frame) { return find_link_type(link_type)->find(frame); }

}  // namespace backstop::capture
