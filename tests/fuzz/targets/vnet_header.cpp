// Any octets as a virtio header and the packet behind it: what is believed agrees with the packet, and the checksum
// that it asks for can be finished. What a stack would send with the same offload gets a header that reads back.
#include <array>

#include "stack/wire/segment.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/support/packets.hpp"
#include "tun/packet_copy.hpp"
#include "tun/vnet_header.hpp"

namespace backstop::fuzz {
namespace {

// Inbound: a finished checksum is a right one, wherever the header's sum was right.
void check_inbound(const tun::VnetHeader& header, Bytes packet) {
  const auto offload = tun::parse_vnet_header(header, packet);
  if (!offload) return;
  const auto datagram = wire::parse_ipv4(packet);
  if (!datagram || !offload->checksum_partial || datagram->header.protocol != wire::protocol_tcp) return;
  (void)wire::parse_segment(*datagram, *offload);
}

// Outbound: what emit_segment() and emit_vnet_header() write is believed, and finishes to a right checksum.
void check_outbound(Input& input) {
  wire::Segment segment{.source_port = 1, .destination_port = 2, .seq = SeqNum{input.number32()}};
  segment.flags = wire::Flag::ack;
  segment.window = input.number16();
  if (input.coin()) segment.options.timestamps = wire::Timestamps{input.number32(), input.number32()};
  const Offload offload{.checksum_partial = true, .gso_size = input.number16()};
  const Bytes text = input.rest();
  if (text.empty()) return;
  const std::array<Bytes, 1> pieces{text};
  std::array<std::byte, wire::max_headers_size> headers{};
  const std::size_t size =
      wire::emit_segment({.source = Ipv4Address::of(10, 0, 0, 1), .destination = Ipv4Address::of(10, 0, 0, 2)}, segment,
                         pieces, wire::ChecksumKind::partial, headers);
  const OutboundPacket packet{Bytes{headers}.first(size), pieces, offload};
  test::Packet copy(packet.size());
  tun::copy_packet(packet, copy);
  const auto read = tun::parse_vnet_header(tun::emit_vnet_header(packet), copy);
  require(read.has_value(), "a header of our own is not believed");
  const bool cut = text.size() > offload.gso_size;  // else there is nothing to segment
  const Offload expected{.checksum_partial = true, .gso_size = cut ? offload.gso_size : std::uint16_t{0}};
  require(*read == expected, "a header of our own reads otherwise");
  tun::finish_checksum(copy, {});
  const auto datagram = wire::parse_ipv4(copy);
  require(datagram.has_value() && wire::parse_segment(*datagram).has_value(), "a finished checksum is wrong");
}

void run(Bytes octets) {
  Input input{octets};
  if (input.coin()) return check_outbound(input);
  tun::VnetHeader header{};
  std::ranges::copy(input.take(header.size()), header.begin());
  const Bytes rest = input.rest();
  check_inbound(header, rest);
  test::Packet packet{rest.begin(), rest.end()};
  tun::finish_checksum(packet, {});
}

}  // namespace
}  // namespace backstop::fuzz

BACKSTOP_FUZZ_TARGET("vnet_header", backstop::fuzz::run);
