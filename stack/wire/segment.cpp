#include "stack/wire/segment.hpp"

#include "stack/wire/checksum.hpp"

namespace backstop::wire {
namespace {

// Made in its place. Why: to copy what was put together of small parts a moment ago, a processor waits for all of them.
std::expected<Segment, Drop> read_fields(Bytes bytes, std::size_t header_size) {
  std::expected<Segment, Drop> found;
  Segment& segment = *found;
  segment.source_port = load16(bytes, 0);
  segment.destination_port = load16(bytes, 2);
  segment.seq = SeqNum{load32(bytes, 4)};
  segment.ack = SeqNum{load32(bytes, 8)};
  segment.flags = Flags{load8(bytes, 13)};
  segment.window = load16(bytes, 14);
  segment.urgent_pointer = load16(bytes, 18);
  parse_options(bytes.subspan(tcp_header_size, header_size - tcp_header_size), segment.options);
  segment.text = bytes.subspan(header_size);
  return found;
}

bool checksum_is_right(const Ipv4Datagram& datagram) {
  Checksum checksum = pseudo_header(datagram.header.source, datagram.header.destination, protocol_tcp,
                                    static_cast<std::uint16_t>(datagram.payload.size()));
  checksum.add(datagram.payload);
  return checksum.finish() == 0;
}

}  // namespace

std::expected<Segment, Drop> parse_segment(const Ipv4Datagram& datagram, Offload offload) {
  const Bytes bytes = datagram.payload;
  if (bytes.size() < tcp_header_size) return std::unexpected(Drop::tcp_truncated);
  const std::size_t header_size = (load8(bytes, 12) >> 4) * 4u;
  if (header_size < tcp_header_size || header_size > bytes.size()) return std::unexpected(Drop::tcp_bad_data_offset);
  if (!offload.checksum_partial && !checksum_is_right(datagram)) return std::unexpected(Drop::tcp_bad_checksum);
  if (load16(bytes, 0) == 0 || load16(bytes, 2) == 0) return std::unexpected(Drop::tcp_port_zero);
  return read_fields(bytes, header_size);
}

// Why not inline: as parse_plain_segment().
[[gnu::noinline]] std::size_t emit_headers(const Ipv4Header& ip, const Segment& segment, std::size_t text_size,
                                           MutableBytes out) {
  const MutableBytes tcp = out.subspan(ipv4_header_size);
  const std::size_t size =
      tcp_header_size + emit_options(segment.options, tcp.subspan<tcp_header_size, max_options_size>());
  emit_ipv4(ip, size + text_size, out);
  const auto length = static_cast<std::uint16_t>(size + text_size);
  const std::uint16_t partial = pseudo_header(ip.source, ip.destination, protocol_tcp, length).sum();
  // The words of the header, in order.
  store32(tcp, 0, std::uint32_t{segment.source_port} << 16 | segment.destination_port);
  store32(tcp, 4, segment.seq.value());
  store32(tcp, 8, segment.has_ack() ? segment.ack.value() : 0);
  store32(tcp, 12,
          static_cast<std::uint32_t>(size / 4) << 28 | std::uint32_t{segment.flags.bits()} << 16 | segment.window);
  store32(tcp, 16, std::uint32_t{partial} << 16 | segment.urgent_pointer);
  return ipv4_header_size + size;
}

void finish_checksum(MutableBytes headers, std::span<const Bytes> text) {
  const MutableBytes tcp = headers.subspan(ipv4_header_size);
  Checksum checksum;
  checksum.add(tcp);
  for (Bytes piece : text) checksum.add(piece);
  store16(tcp, 16, checksum.finish());
}

std::size_t emit_segment(const Ipv4Header& ip, const Segment& segment, std::span<const Bytes> text, ChecksumKind kind,
                         MutableBytes out) {
  std::size_t text_size = 0;
  for (Bytes piece : text) text_size += piece.size();
  const std::size_t size = emit_headers(ip, segment, text_size, out);
  if (kind == ChecksumKind::full) finish_checksum(out.first(size), text);
  return size;
}

}  // namespace backstop::wire
