#include "stack/wire/ipv4.hpp"

#include <cassert>

#include "stack/wire/checksum.hpp"

namespace backstop::wire {
namespace {

constexpr std::uint16_t flag_dont_fragment = 0x4000;
constexpr std::uint16_t flag_more_fragments = 0x2000;
constexpr std::uint16_t offset_mask = 0x1fff;

Ipv4Header read_fields(Bytes header) {
  const std::uint16_t fragment = load16(header, 6);
  return {
      .source = {load32(header, 12)},
      .destination = {load32(header, 16)},
      .protocol = load8(header, 9),
      .ttl = load8(header, 8),
      .tos = load8(header, 1),
      .id = load16(header, 4),
      .dont_fragment = (fragment & flag_dont_fragment) != 0,
      .more_fragments = (fragment & flag_more_fragments) != 0,
      .fragment_offset = static_cast<std::uint16_t>((fragment & offset_mask) * 8),
  };
}

}  // namespace

std::expected<Ipv4Datagram, Drop> parse_ipv4(Bytes packet) {
  if (packet.empty()) return std::unexpected(Drop::ip_truncated);
  const std::uint8_t version = load8(packet, 0) >> 4;
  if (version == 6) return std::unexpected(Drop::ip_version_6);
  if (version != 4) return std::unexpected(Drop::ip_bad_version);
  if (packet.size() < ipv4_header_size) return std::unexpected(Drop::ip_truncated);

  const std::size_t header_size = (load8(packet, 0) & 0xfu) * 4u;
  if (header_size < ipv4_header_size) return std::unexpected(Drop::ip_bad_header_length);
  if (header_size > packet.size()) return std::unexpected(Drop::ip_truncated);
  const std::size_t total_size = load16(packet, 2);
  if (total_size < header_size) return std::unexpected(Drop::ip_bad_total_length);
  if (total_size > packet.size()) return std::unexpected(Drop::ip_truncated);

  Checksum checksum;
  checksum.add(packet.first(header_size));
  if (checksum.finish() != 0) return std::unexpected(Drop::ip_bad_checksum);

  const Bytes whole = packet.first(total_size);
  return Ipv4Datagram{read_fields(whole), whole.subspan(header_size), whole};
}

void emit_ipv4(const Ipv4Header& header, std::size_t payload_size, MutableBytes out) {
  assert(ipv4_header_size + payload_size <= max_datagram_size);
  // The words of the header, in order; the checksum's own counts as zero.
  const auto version_and_tos = static_cast<std::uint16_t>(0x4500 | header.tos);
  const auto total_size = static_cast<std::uint16_t>(ipv4_header_size + payload_size);
  const auto fragment =
      static_cast<std::uint16_t>((header.dont_fragment ? flag_dont_fragment : 0) |
                                 (header.more_fragments ? flag_more_fragments : 0) | (header.fragment_offset / 8));
  const auto ttl_and_protocol = static_cast<std::uint16_t>(header.ttl << 8 | header.protocol);
  Checksum checksum;
  for (const std::uint16_t word : {version_and_tos, total_size, header.id, fragment, ttl_and_protocol}) {
    checksum.add16(word);
  }
  checksum.add32(header.source.value);
  checksum.add32(header.destination.value);

  store16(out, 0, version_and_tos);
  store16(out, 2, total_size);
  store16(out, 4, header.id);
  store16(out, 6, fragment);
  store16(out, 8, ttl_and_protocol);
  store16(out, 10, checksum.finish());
  store32(out, 12, header.source.value);
  store32(out, 16, header.destination.value);
}

}  // namespace backstop::wire
