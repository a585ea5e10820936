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

// The data offset, reserved bits, and control bits, but for those that any plain segment may have.
unsigned form_of(Bytes tcp) { return load16(tcp, 12) & ~unsigned{(Flag::psh | Flag::fin | Flag::rst).bits()}; }

constexpr unsigned plain_form(std::size_t header_size) {
  return static_cast<unsigned>(header_size / 4) << 12 | Flags{Flag::ack}.bits();
}

bool has_timestamps(Bytes tcp) {
  return form_of(tcp) == plain_form(with_timestamps) && tcp.size() >= with_timestamps &&
         load32(tcp, tcp_header_size) == padded_timestamps;
}

bool header_is_right(Bytes packet) {
  Checksum sum;
  sum.add_words(packet.first<ipv4_header_size>());
  return sum.finish() == 0;
}

template <std::size_t header_size>
void add_before_text(Bytes packet, Checksum& sum) {
  sum.add_words(packet.subspan<12, 8>());  // both addresses
  sum.add16(protocol_tcp);
  sum.add16(static_cast<std::uint16_t>(packet.size() - ipv4_header_size));
  sum.add_words(packet.subspan<ipv4_header_size, header_size>());
}

// Why made in its place, of numbers: to copy it, or parts of it, would cost half as much again.
template <std::size_t header_size>
std::optional<PlainSegment> read(Bytes packet) {
  constexpr bool stamped = header_size == with_timestamps;
  const Bytes tcp = packet.subspan(ipv4_header_size);
  std::optional<PlainSegment> found{
      std::in_place,
      FourTuple{.local = {{load32(packet, 16)}, load16(tcp, 2)}, .remote = {{load32(packet, 12)}, load16(tcp, 0)}},
      SeqNum{load32(tcp, 4)},
      SeqNum{load32(tcp, 8)},
      Flags{load8(tcp, 13)},
      (load8(packet, 1) & 3) == 3,
      stamped,
      load16(tcp, 14),
      stamped ? load32(tcp, 24) : 0,
      stamped ? load32(tcp, 28) : 0,
      tcp.subspan(header_size)};
  add_before_text<header_size>(packet, found->sum);
  return found;
}

}  // namespace

// Why not inline: within its caller there are more numbers at a time than registers, and what is put away meanwhile is
// waited for.
[[gnu::noinline]] std::optional<PlainSegment> parse_plain_segment(Bytes packet) {
  constexpr std::size_t smallest = ipv4_header_size + tcp_header_size;
  if (packet.size() < smallest || !is_plain_datagram(packet)) return std::nullopt;
  const std::size_t size = load16(packet, 2);
  if (size < smallest || size > packet.size()) return std::nullopt;
  packet = packet.first(size);
  const Bytes tcp = packet.subspan(ipv4_header_size);
  const bool stamped = has_timestamps(tcp);
  if (!stamped && form_of(tcp) != plain_form(tcp_header_size)) return std::nullopt;
  if (!header_is_right(packet)) return std::nullopt;
  return stamped ? read<with_timestamps>(packet) : read<tcp_header_size>(packet);
}

bool PlainSegment::checksum_is_right() const {
  Checksum with_text = sum;
  with_text.add(text);
  return with_text.finish() == 0;
}

Segment PlainSegment::segment() const {
  Segment segment{.source_port = tuple.remote.port,
                  .destination_port = tuple.local.port,
                  .seq = seq,
                  .ack = ack,
                  .flags = flags,
                  .window = window,
                  .text = text};
  segment.options.timestamps = timestamps();
  return segment;
}

}  // namespace backstop::wire
