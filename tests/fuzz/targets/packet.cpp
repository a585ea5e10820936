// Any octets as an IPv4 packet: what parses is emitted again and then parses to the same value, as often as one likes.
#include <array>

#include "stack/wire/checksum.hpp"
#include "stack/wire/icmp.hpp"
#include "stack/wire/segment.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/support/packets.hpp"

namespace backstop::fuzz {
namespace {

// Makes the checksums right that stand where they should, so that a fuzzer need not guess them.
void mend(test::Packet& packet) {
  if (packet.size() < wire::ipv4_header_size) return;
  const auto header_size = static_cast<std::size_t>(std::to_integer<unsigned>(packet[0]) & 0x0f) * 4;
  if (header_size < wire::ipv4_header_size || header_size > packet.size()) return;
  const MutableBytes header = MutableBytes{packet}.first(header_size);
  wire::store16(header, 10, 0);
  wire::Checksum sum;
  sum.add(header);
  wire::store16(header, 10, sum.finish());
  const auto datagram = wire::parse_ipv4(packet);
  if (!datagram || datagram->header.protocol == wire::protocol_udp) return;
  const bool is_tcp = datagram->header.protocol == wire::protocol_tcp;
  const std::size_t place = is_tcp ? 16 : 2;
  const MutableBytes payload = MutableBytes{packet}.subspan(header_size, datagram->payload.size());
  if (payload.size() < place + 2) return;
  wire::store16(payload, place, 0);
  wire::Checksum whole = is_tcp ? wire::pseudo_header(datagram->header.source, datagram->header.destination,
                                                      wire::protocol_tcp, static_cast<std::uint16_t>(payload.size()))
                                : wire::Checksum{};
  whole.add(payload);
  wire::store16(payload, place, whole.finish());
}

void check_segment(const wire::Ipv4Datagram& datagram, Offload offload) {
  const auto segment = wire::parse_segment(datagram, offload);
  if (!segment) return;
  require(segment->source_port != 0 && segment->destination_port != 0, "port 0 was let through");
  require(segment->text.size() <= datagram.payload.size(), "more text than payload");
  wire::Segment wanted = *segment;
  if (!wanted.has_ack()) wanted.ack = {};  // means nothing, and is written as zero
  // What does not fit beside the rest is left out; a second round must change nothing.
  std::array<std::byte, wire::max_options_size> scratch{};
  wanted.options = wire::parse_options(Bytes{scratch}.first(wire::emit_options(wanted.options, scratch)));
  wire::Ipv4Header ip = datagram.header;
  ip.more_fragments = false;
  ip.fragment_offset = 0;
  if (wanted.text.size() + wire::max_headers_size > wire::max_datagram_size) return;
  const test::Packet again = test::tcp_packet(ip, wanted);
  const auto reread = wire::parse_ipv4(again);
  require(reread.has_value(), "an emitted packet does not parse");
  require(reread->header == ip, "an emitted IPv4 header reads otherwise");
  const auto result = wire::parse_segment(*reread);
  require(result.has_value(), "an emitted segment does not parse");
  require(result->seq == wanted.seq && (!wanted.has_ack() || result->ack == wanted.ack), "a number reads otherwise");
  require(result->flags == wanted.flags && result->window == wanted.window, "flags or window read otherwise");
  require(result->urgent_pointer == wanted.urgent_pointer, "an urgent pointer reads otherwise");
  require(result->options == wanted.options, "options read otherwise");
  require(std::ranges::equal(result->text, wanted.text), "text reads otherwise");
}

void check_icmp(const wire::Ipv4Datagram& datagram) {
  const auto message = wire::parse_icmp(datagram.payload);
  if (!message) return;
  (void)wire::parse_quoted_segment(message->payload);
  if (message->payload.size() + wire::max_headers_size > wire::max_datagram_size) return;
  const test::Packet again =
      test::icmp_packet({.source = datagram.header.source, .destination = datagram.header.destination}, *message);
  const auto result = wire::parse_icmp(wire::parse_ipv4(again)->payload);
  require(result.has_value(), "an emitted ICMP message does not parse");
  require(result->type == message->type && result->code == message->code && result->rest == message->rest,
          "an ICMP header reads otherwise");
  require(std::ranges::equal(result->payload, message->payload), "an ICMP payload reads otherwise");
}

void run(Bytes octets) {
  Input input{octets};
  const std::uint8_t how = input.octet();
  const Bytes rest = input.rest();
  test::Packet packet{rest.begin(), rest.end()};
  if ((how & 1) == 0) mend(packet);
  const auto datagram = wire::parse_ipv4(packet);
  if (!datagram) return;
  require(datagram->whole.size() <= packet.size() && datagram->payload.size() < datagram->whole.size() + 1,
          "a datagram larger than the packet");
  if (datagram->header.protocol == wire::protocol_icmp) {
    check_icmp(*datagram);
  } else {
    check_segment(*datagram, {.checksum_partial = (how & 2) != 0});
  }
}

}  // namespace
}  // namespace backstop::fuzz

BACKSTOP_FUZZ_TARGET("packet", backstop::fuzz::run);
