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
  checksum.add_words(packet.first<ipv4_header_size>());
  if (header_size > ipv4_header_size) checksum.add(packet.first(header_size).subspan(ipv4_header_size));
  if (checksum.finish() != 0) return std::unexpected(Drop::ip_bad_checksum);

  const Bytes whole = packet.first(total_size);
  return Ipv4Datagram{read_fields(whole), whole.subspan(header_size), whole};
}

void emit_ipv4(const Ipv4Header& header, std::size_t payload_size, MutableBytes out) {
  assert(ipv4_header_size + payload_size <= max_datagram_size);
  const std::uint32_t fragment = (header.dont_fragment ? flag_dont_fragment : 0u) |
                                 (header.more_fragments ? flag_more_fragments : 0u) | (header.fragment_offset / 8u);
  // The words of the header, in order; the checksum in the third counts as zero at first.
  const std::uint32_t size_word =
      0x4500'0000u | std::uint32_t{header.tos} << 16 | static_cast<std::uint32_t>(ipv4_header_size + payload_size);
  const std::uint32_t fragment_word = std::uint32_t{header.id} << 16 | fragment;
  const std::uint32_t protocol_word = std::uint32_t{header.ttl} << 24 | std::uint32_t{header.protocol} << 16;
  Checksum checksum;
  for (const std::uint32_t word :
       {size_word, fragment_word, protocol_word, header.source.value, header.destination.value}) {
    checksum.add32(word);
  }
  store32(out, 0, size_word);
  store32(out, 4, fragment_word);
  store32(out, 8, protocol_word | checksum.finish());
  store32(out, 12, header.source.value);
  store32(out, 16, header.destination.value);
}

}  // namespace backstop::wire
