#include "tests/support/packets.hpp"

#include <algorithm>
#include <array>

#include "stack/wire/checksum.hpp"

namespace backstop::test {
namespace {

constexpr std::size_t udp_header_size = 8;
constexpr std::size_t checksum_offset = 16;  // in a TCP header

void append(Packet& packet, Bytes bytes) { packet.insert(packet.end(), bytes.begin(), bytes.end()); }

}  // namespace

Packet tcp_packet(const wire::Ipv4Header& ip, const wire::Segment& segment) {
  Packet packet(wire::max_headers_size);
  const std::array text{segment.text};
  packet.resize(wire::emit_segment(ip, segment, text, wire::ChecksumKind::full, packet));
  append(packet, segment.text);
  return packet;
}

Packet icmp_packet(wire::Ipv4Header ip, const wire::IcmpMessage& message) {
  ip.protocol = wire::protocol_icmp;
  Packet packet(wire::ipv4_header_size + wire::icmp_header_size);
  wire::emit_ipv4(ip, wire::icmp_header_size + message.payload.size(), packet);
  wire::emit_icmp_header(message, MutableBytes{packet}.subspan(wire::ipv4_header_size));
  append(packet, message.payload);
  return packet;
}

Packet udp_packet(const Endpoint& source, const Endpoint& destination, Bytes payload) {
  const auto length = static_cast<std::uint16_t>(udp_header_size + payload.size());
  Packet packet(wire::ipv4_header_size + udp_header_size);
  const MutableBytes udp = MutableBytes{packet}.subspan(wire::ipv4_header_size);
  wire::emit_ipv4({.source = source.address, .destination = destination.address, .protocol = wire::protocol_udp},
                  length, packet);
  wire::store16(udp, 0, source.port);
  wire::store16(udp, 2, destination.port);
  wire::store16(udp, 4, length);
  wire::Checksum checksum = wire::pseudo_header(source.address, destination.address, wire::protocol_udp, length);
  checksum.add(udp);
  checksum.add(payload);
  wire::store16(udp, 6, checksum.finish());
  append(packet, payload);
  return packet;
}

Packet icmp_error(Ipv4Address from, wire::IcmpType type, std::uint8_t code, std::uint32_t rest,
                  const Packet& offending) {
  constexpr std::size_t largest = 576 - wire::ipv4_header_size - wire::icmp_header_size;
  const Ipv4Address to{wire::load32(offending, 12)};
  return icmp_packet({.source = from, .destination = to},
                     {type, code, rest, Bytes{offending}.first(std::min(largest, offending.size()))});
}

std::vector<Packet> fragments(const Packet& packet, std::size_t mtu) {
  const auto datagram = wire::parse_ipv4(packet);
  if (!datagram) return {packet};
  const std::size_t piece_size = (mtu - wire::ipv4_header_size) / 8 * 8;
  std::vector<Packet> pieces;
  for (std::size_t at = 0; at < datagram->payload.size(); at += piece_size) {
    const Bytes piece = datagram->payload.subspan(at, std::min(piece_size, datagram->payload.size() - at));
    wire::Ipv4Header ip = datagram->header;
    ip.fragment_offset = static_cast<std::uint16_t>(at);
    ip.more_fragments = at + piece.size() < datagram->payload.size();
    Packet& fragment = pieces.emplace_back(wire::ipv4_header_size);
    wire::emit_ipv4(ip, piece.size(), fragment);
    append(fragment, piece);
  }
  return pieces;
}

Packet flatten(const OutboundPacket& packet) {
  Packet bytes(packet.headers.begin(), packet.headers.end());
  for (const Bytes piece : packet.text) append(bytes, piece);
  return bytes;
}

void finish_checksum(Packet& packet) {
  const MutableBytes tcp = MutableBytes{packet}.subspan(wire::ipv4_header_size);
  // The field holds the pseudo-header's sum already, so summing the segment as it is completes it.
  wire::Checksum checksum;
  checksum.add(tcp);
  wire::store16(tcp, checksum_offset, checksum.finish());
}

std::byte text_at(std::uint64_t offset) {
  constexpr std::uint64_t golden = 0x9e37'79b9'7f4a'7c15;  // 2^64 divided by the golden ratio spreads neighbours apart
  return static_cast<std::byte>((offset * golden) >> 56);
}

std::vector<std::byte> text(std::uint64_t offset, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& octet : bytes) octet = text_at(offset++);
  return bytes;
}

bool is_text(std::uint64_t offset, Bytes bytes) {
  return std::ranges::all_of(bytes, [&](std::byte octet) { return octet == text_at(offset++); });
}

}  // namespace backstop::test
