#include "tun/packet_copy.hpp"

#include <cassert>
#include <cstring>
#include <optional>

#include "stack/wire/checksum.hpp"
#include "stack/wire/ipv4.hpp"

namespace backstop::tun {
namespace {

/// Where the checksum stands in a transport header (RFC 9293 section 3.1, RFC 768), or nothing.
std::optional<std::size_t> checksum_offset(std::uint8_t protocol) {
  if (protocol == wire::protocol_tcp) return 16;
  if (protocol == wire::protocol_udp) return 6;
  return std::nullopt;
}

std::byte* append(std::byte* to, Bytes piece) {
  std::memcpy(to, piece.data(), piece.size());
  return to + piece.size();
}

}  // namespace

void copy_packet(const OutboundPacket& packet, MutableBytes out) {
  assert(out.size() >= packet.size());
  std::byte* to = append(out.data(), packet.headers);
  for (Bytes piece : packet.text) to = append(to, piece);
}

void copy_and_finish(const OutboundPacket& packet, MutableBytes out) {
  if (!packet.offload.checksum_partial) return copy_packet(packet, out);
  assert(out.size() >= packet.size());
  std::byte* to = append(out.data(), packet.headers.first<wire::ipv4_header_size>());
  // The checksum's field holds the sum of the pseudo-header, and so takes part as it is.
  const Bytes header = packet.headers.subspan(wire::ipv4_header_size);
  wire::Checksum checksum;
  checksum.add_copying(header, to);
  to += header.size();
  for (Bytes piece : packet.text) {
    checksum.add_copying(piece, to);
    to += piece.size();
  }
  constexpr std::size_t checksum_at = wire::ipv4_header_size + 16;
  wire::store16(out, checksum_at, checksum.finish());
}

void finish_checksum(MutableBytes headers, std::span<const Bytes> rest) {
  if (headers.size() < wire::ipv4_header_size) return;
  const std::size_t start = (wire::load8(headers, 0) & 0xfu) * 4u;
  const std::uint8_t protocol = wire::load8(headers, 9);
  const auto offset = checksum_offset(protocol);
  if (!offset || start < wire::ipv4_header_size || headers.size() < start + *offset + 2) return;

  const MutableBytes transport = headers.subspan(start);
  wire::store16(transport, *offset, 0);
  std::size_t size = transport.size();
  for (Bytes piece : rest) size += piece.size();
  wire::Checksum checksum = wire::pseudo_header({wire::load32(headers, 12)}, {wire::load32(headers, 16)}, protocol,
                                                static_cast<std::uint16_t>(size));
  checksum.add(transport);
  for (Bytes piece : rest) checksum.add(piece);
  const std::uint16_t sum = checksum.finish();
  // RFC 768: a UDP checksum of zero means "none", and its other form in one's complement stands for zero.
  wire::store16(transport, *offset, sum == 0 && protocol == wire::protocol_udp ? std::uint16_t{0xffff} : sum);
}

}  // namespace backstop::tun
