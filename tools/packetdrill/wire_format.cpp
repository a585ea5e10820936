#include "tools/packetdrill/wire_format.hpp"

#include <algorithm>
#include <array>

#include "stack/wire/checksum.hpp"
#include "stack/wire/segment.hpp"

namespace backstop::packetdrill {
namespace {

using Octets = std::vector<std::byte>;

Octets in_one_piece(const OutboundPacket& packet) {
  Octets bytes{packet.headers.begin(), packet.headers.end()};
  for (const Bytes piece : packet.text) bytes.insert(bytes.end(), piece.begin(), piece.end());
  return bytes;
}

Octets emit(const wire::Ipv4Header& ip, const wire::Segment& segment) {
  Octets bytes(wire::max_headers_size + segment.text.size());
  const std::array text{segment.text};
  const std::size_t headers = wire::emit_segment(ip, segment, text, wire::ChecksumKind::full, bytes);
  std::copy(segment.text.begin(), segment.text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(headers));
  bytes.resize(headers + segment.text.size());
  return bytes;
}

// FIN and PSH belong to the last segment, CWR to the first.
std::vector<Octets> cut(const wire::Ipv4Header& ip, const wire::Segment& whole, std::size_t size) {
  std::vector<Octets> packets;
  wire::Ipv4Header header = ip;
  for (std::size_t at = 0; at < whole.text.size(); at += size) {
    wire::Segment part = whole;
    part.seq += static_cast<std::uint32_t>(at);
    part.text = whole.text.subspan(at, std::min(size, whole.text.size() - at));
    if (at + size < whole.text.size()) part.flags.clear(wire::Flag::fin);
    if (at + size < whole.text.size()) part.flags.clear(wire::Flag::psh);
    if (at > 0) part.flags.clear(wire::Flag::cwr);
    packets.push_back(emit(header, part));
    ++header.id;
  }
  return packets;
}

// FreeBSD's order: MSS, a no-op and the window scale, SACK-permitted and timestamps; zeros fill it up.
void reorder_as_freebsd(Octets& packet, const wire::Segment& syn) {
  std::array<std::byte, wire::max_options_size> options{};
  std::size_t size = 0;
  const auto put = [&](std::initializer_list<unsigned> octets) {
    for (const unsigned octet : octets) options[size++] = static_cast<std::byte>(octet);
  };
  const auto put32 = [&](std::uint32_t value) {
    put({value >> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255});
  };
  if (syn.options.mss) put({2, 4, *syn.options.mss / 256u, *syn.options.mss % 256u});
  if (syn.options.window_scale) put({1, 3, 3, *syn.options.window_scale});
  if (syn.options.sack_permitted) put({4, 2});
  if (syn.options.timestamps) {
    put({8, 10});
    put32(syn.options.timestamps->value);
    put32(syn.options.timestamps->echo);
  }
  size = (size + 3) / 4 * 4;
  const std::size_t tcp = wire::ipv4_header_size;
  packet.resize(tcp + wire::tcp_header_size);
  packet.insert(packet.end(), options.begin(), options.begin() + static_cast<std::ptrdiff_t>(size));
}

void finish_headers(Octets& packet, const wire::Ipv4Header& ip) {
  const MutableBytes segment = MutableBytes{packet}.subspan(wire::ipv4_header_size);
  wire::store8(segment, 12, static_cast<std::uint8_t>(segment.size() / 4 << 4));
  wire::store16(segment, 16, 0);
  wire::Checksum checksum =
      wire::pseudo_header(ip.source, ip.destination, wire::protocol_tcp, static_cast<std::uint16_t>(segment.size()));
  checksum.add(segment);
  wire::store16(segment, 16, checksum.finish());
  wire::emit_ipv4(ip, segment.size(), packet);
}

}  // namespace

Octets without_text_of_syn(Bytes packet) {
  const auto datagram = wire::parse_ipv4(packet);
  if (datagram && datagram->header.protocol == wire::protocol_tcp) {
    auto segment = wire::parse_segment(*datagram);
    if (segment && segment->syn() && !segment->has_ack() && !segment->text.empty()) {
      segment->text = {};
      return emit(datagram->header, *segment);
    }
  }
  return {packet.begin(), packet.end()};
}

std::vector<Octets> on_the_wire(const OutboundPacket& packet, SynOptions order) {
  Octets bytes = in_one_piece(packet);
  const auto datagram = wire::parse_ipv4(bytes);
  if (!datagram || datagram->header.protocol != wire::protocol_tcp) return {bytes};
  const auto segment = wire::parse_segment(*datagram, packet.offload);
  if (!segment) return {bytes};
  if (packet.offload.gso_size > 0) return cut(datagram->header, *segment, packet.offload.gso_size);
  if (segment->syn() && segment->text.empty() && order == SynOptions::freebsd_order) {
    const wire::Ipv4Header ip = datagram->header;
    reorder_as_freebsd(bytes, *segment);
    finish_headers(bytes, ip);
  }
  return {bytes};
}

}  // namespace backstop::packetdrill
