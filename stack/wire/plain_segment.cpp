#include "stack/wire/plain_segment.hpp"

namespace backstop::wire {
namespace {

constexpr std::size_t with_timestamps = tcp_header_size + padded_timestamps_size;

bool is_plain_datagram(Bytes packet) {
  constexpr std::uint8_t version_4_five_words = 0x45;
  constexpr std::uint16_t dont_fragment = 0x4000;
  return load8(packet, 0) == version_4_five_words && (load16(packet, 6) | dont_fragment) == dont_fragment &&
         load8(packet, 9) == protocol_tcp;
}

// Data offset, reserved bits and control bits, but for PSH.
std::uint16_t offset_and_bits(Bytes tcp) {
  constexpr unsigned push = static_cast<unsigned>(Flag::psh);
  return static_cast<std::uint16_t>(load16(tcp, 12) & ~push);
}

constexpr std::uint16_t ack_alone(std::size_t header_size) {
  return static_cast<std::uint16_t>((header_size / 4 << 12) | static_cast<unsigned>(Flag::ack));
}

template <std::size_t header_size>
Checksum sum_before_text(Bytes packet) {
  Checksum sum;
  sum.add_words(packet.subspan<12, 8>());  // both addresses
  sum.add16(protocol_tcp);
  sum.add16(static_cast<std::uint16_t>(packet.size() - ipv4_header_size));
  sum.add_words(packet.subspan<ipv4_header_size, header_size>());
  return sum;
}

// Why made in its place: to copy it would cost half as much again.
template <std::size_t header_size>
std::optional<PlainSegment> read(Bytes packet) {
  using Found = std::optional<PlainSegment>;
  const Bytes tcp = packet.subspan(ipv4_header_size);
  std::optional<Timestamps> timestamps;
  if constexpr (header_size == with_timestamps) timestamps.emplace(load32(tcp, 24), load32(tcp, 28));
  return Found{
      std::in_place,
      FourTuple{.local = {{load32(packet, 16)}, load16(tcp, 2)}, .remote = {{load32(packet, 12)}, load16(tcp, 0)}},
      SeqNum{load32(tcp, 4)},
      SeqNum{load32(tcp, 8)},
      load16(tcp, 14),
      timestamps,
      tcp.subspan(header_size),
      sum_before_text<header_size>(packet)};
}

}  // namespace

std::optional<PlainSegment> parse_plain_segment(Bytes packet) {
  constexpr std::size_t smallest = ipv4_header_size + tcp_header_size;
  if (packet.size() < smallest || !is_plain_datagram(packet)) return std::nullopt;
  const std::size_t size = load16(packet, 2);
  if (size < smallest || size > packet.size()) return std::nullopt;
  Checksum sum;
  sum.add_words(packet.first<ipv4_header_size>());
  if (sum.finish() != 0) return std::nullopt;

  packet = packet.first(size);
  const Bytes tcp = packet.subspan(ipv4_header_size);
  const std::uint16_t form = offset_and_bits(tcp);
  if (form == ack_alone(tcp_header_size)) return read<tcp_header_size>(packet);
  const bool stamped = form == ack_alone(with_timestamps) && tcp.size() >= with_timestamps &&
                       load32(tcp, tcp_header_size) == padded_timestamps;
  return stamped ? read<with_timestamps>(packet) : std::nullopt;
}

}  // namespace backstop::wire
