#include "stack/wire/segment.hpp"

#include <numeric>

#include "stack/wire/checksum.hpp"
#include "tests/support/catch.hpp"
#include "tests/wire/octets.hpp"

namespace backstop::wire {
namespace {

constexpr Ipv4Header ip{.source = Ipv4Address::of(10, 90, 0, 1), .destination = Ipv4Address::of(10, 90, 0, 2)};

// The whole packet: headers, and the text in the pieces given.
Octets emit(const Segment& segment, std::span<const Bytes> text, ChecksumKind kind = ChecksumKind::full) {
  std::array<std::byte, max_headers_size> headers{};
  const std::size_t size = emit_segment(ip, segment, text, kind, headers);
  Octets packet(headers.begin(), headers.begin() + static_cast<std::ptrdiff_t>(size));
  for (const Bytes piece : text) packet.insert(packet.end(), piece.begin(), piece.end());
  return packet;
}

Octets emit(const Segment& segment, ChecksumKind kind = ChecksumKind::full) {
  const std::array<Bytes, 1> text{segment.text};
  return emit(segment, text, kind);
}

std::expected<Segment, Drop> parse(Bytes packet, Offload offload = {}) {
  const auto datagram = parse_ipv4(packet);
  REQUIRE(datagram);
  return parse_segment(*datagram, offload);
}

Drop drop_of(Bytes packet, Offload offload = {}) {
  const auto result = parse(packet, offload);
  return result ? Drop::count_ : result.error();
}

// Over a packet without IPv4 options: 0xffff when the TCP checksum in it is right.
std::uint16_t reference_tcp_sum(Bytes packet) {
  const Bytes tcp = packet.subspan(ipv4_header_size);
  const std::uint32_t pseudo = reference_sum(packet.subspan(12, 8)) + protocol_tcp + std::uint32_t(tcp.size());
  return reference_sum(tcp, pseudo);
}

// Makes the checksum of a packet without IPv4 options right again.
void seal_tcp(MutableBytes packet) {
  store16(packet, 36, 0);
  store16(packet, 36, static_cast<std::uint16_t>(~reference_tcp_sum(packet)));
}

Segment random_segment(Random& random, Bytes text) {
  Segment segment;
  segment.source_port = static_cast<std::uint16_t>(1 + random() % 65'535);
  segment.destination_port = static_cast<std::uint16_t>(1 + random() % 65'535);
  segment.seq = SeqNum{random_number<std::uint32_t>(random)};
  segment.flags = Flags{random_number<std::uint8_t>(random)};
  if (segment.has_ack()) segment.ack = SeqNum{random_number<std::uint32_t>(random)};
  segment.window = random_number<std::uint16_t>(random);
  segment.urgent_pointer = random_number<std::uint16_t>(random);
  if (random() % 2 == 0) segment.options.mss = random_number<std::uint16_t>(random);
  if (random() % 2 == 0) segment.options.window_scale = random_number<std::uint8_t>(random);
  if (random() % 2 == 0) segment.options.timestamps = Timestamps{random_number<std::uint32_t>(random), 7};
  segment.options.sack_permitted = random() % 2 == 0;
  for (std::uint64_t blocks = random() % 3; blocks > 0; --blocks) {
    const SeqNum left{random_number<std::uint32_t>(random)};
    segment.options.sack.push_back({left, left + 1000});
  }
  segment.text = text;
  return segment;
}

void require_equal(const Segment& a, const Segment& b) {
  REQUIRE(a.source_port == b.source_port);
  REQUIRE(a.destination_port == b.destination_port);
  REQUIRE(a.seq == b.seq);
  REQUIRE(a.ack == b.ack);
  REQUIRE(a.flags == b.flags);
  REQUIRE(a.window == b.window);
  REQUIRE(a.urgent_pointer == b.urgent_pointer);
  REQUIRE(a.options == b.options);
  REQUIRE(std::ranges::equal(a.text, b.text));
}

TEST_CASE("Segment: on the wire, octet by octet", "[3.1]") {
  const Octets text = octets({'h', 'i', '!'});
  Segment segment;
  segment.source_port = 0x1234;
  segment.destination_port = 80;
  segment.seq = SeqNum{0x0102'0304};
  segment.ack = SeqNum{0xa0b0'c0d0};
  segment.flags = Flag::ack | Flag::psh | Flag::urg;
  segment.window = 0xfffe;
  segment.urgent_pointer = 3;
  segment.options.mss = 1460;
  segment.text = text;
  Octets expected =
      octets({0x45, 0,    0,  47,   0, 0, 0, 0, 64,   6,    0,    0,    10,   90,   0,    1,    10, 90, 0, 2,  // IPv4
              0x12, 0x34, 0,  80,   1, 2, 3, 4, 0xa0, 0xb0, 0xc0, 0xd0, 0x60, 0x38, 0xff, 0xfe, 0,  0,  0, 3,
              2,    4,    5,  0xb4,  // TCP
              'h',  'i',  '!'});
  seal_ipv4(expected);
  seal_tcp(expected);
  CHECK(emit(segment) == expected);
}

TEST_CASE("Segment: any segment that is emitted is parsed again, its options in whatever segment", "[3.1][MUST-5]") {
  Random random{1};
  for (int round = 0; round < 3000; ++round) {
    const Octets text = random_octets(random, random() % 200);
    const Segment segment = random_segment(random, text);
    const Octets packet = emit(segment);
    REQUIRE(packet.size() == ipv4_header_size + tcp_header_size + options_size(segment.options) + segment.text.size());
    const auto again = parse(packet);
    REQUIRE(again);
    require_equal(*again, segment);
  }
}

TEST_CASE("Segment: the checksum is always computed, over text in any pieces", "[3.1][MUST-2]") {
  Random random{2};
  for (int round = 0; round < 2000; ++round) {
    const Octets text = random_octets(random, random() % 500);
    std::vector<Bytes> pieces;
    for (Bytes rest = text; !rest.empty(); rest = rest.subspan(pieces.back().size())) {
      pieces.push_back(rest.first(random() % std::min<std::size_t>(rest.size() + 1, 60)));
    }
    const Octets packet = emit(random_segment(random, {}), pieces);
    REQUIRE(reference_tcp_sum(packet) == 0xffff);
    const auto again = parse(packet);
    REQUIRE(again);
    REQUIRE(std::ranges::equal(again->text, text));
  }
}

TEST_CASE("Segment: one bit turned anywhere is found out", "[3.1][MUST-3]") {
  Random random{3};
  const Octets text = random_octets(random, 33);
  Segment segment = random_segment(random, text);
  segment.options = {.timestamps = Timestamps{1, 2}};
  const Octets packet = emit(segment);
  for (std::size_t bit = ipv4_header_size * 8; bit < packet.size() * 8; ++bit) {
    Octets damaged = packet;
    damaged[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    const Drop reason = drop_of(damaged);
    INFO("bit " << bit);
    REQUIRE((reason == Drop::tcp_bad_checksum || reason == Drop::tcp_bad_data_offset));
  }
}

TEST_CASE("Segment: a segment that came to another address is found out", "[3.1][MUST-3]") {
  Segment segment;
  segment.source_port = segment.destination_port = 9;
  Octets packet = emit(segment);
  store32(packet, 16, ip.destination.value + 1);
  seal_ipv4(packet);
  CHECK(drop_of(packet) == Drop::tcp_bad_checksum);
}

TEST_CASE("Segment: a partial checksum is the pseudo-header's sum, and a device that finishes it gets it right") {
  Random random{4};
  for (int round = 0; round < 500; ++round) {
    const Octets text = random_octets(random, random() % 100);
    const Segment segment = random_segment(random, text);
    Octets packet = emit(segment, ChecksumKind::partial);
    const auto length = static_cast<std::uint16_t>(packet.size() - ipv4_header_size);
    REQUIRE(load16(packet, 36) == pseudo_header(ip.source, ip.destination, protocol_tcp, length).sum());

    // What a device does: sums the TCP part with the field as it stands, and writes the complement there.
    store16(packet, 36, static_cast<std::uint16_t>(~reference_sum(Bytes{packet}.subspan(ipv4_header_size))));
    REQUIRE(reference_tcp_sum(packet) == 0xffff);
    REQUIRE(packet == emit(segment));
  }
}

TEST_CASE("Segment: a device that vouches for the checksum is believed, and nobody else") {
  Segment segment;
  segment.source_port = segment.destination_port = 9;
  const Octets packet = emit(segment, ChecksumKind::partial);
  CHECK(drop_of(packet) == Drop::tcp_bad_checksum);
  CHECK(drop_of(packet, {.checksum_partial = true}) == Drop::count_);
}

TEST_CASE("Segment: a header that was cut short", "[3.1]") {
  Octets packet(ipv4_header_size);
  for (std::size_t size = 0; size < tcp_header_size; ++size) {
    packet.resize(ipv4_header_size + size);
    emit_ipv4(ip, size, packet);
    CHECK(drop_of(packet) == Drop::tcp_truncated);
  }
}

TEST_CASE("Segment: a data offset that is too small or points behind the end", "[3.1]") {
  const Octets text = octets({1, 2, 3});
  Segment segment;
  segment.source_port = segment.destination_port = 9;
  segment.text = text;
  for (unsigned words = 0; words < 16; ++words) {
    Octets packet = emit(segment);
    store8(packet, ipv4_header_size + 12, static_cast<std::uint8_t>(words << 4));
    seal_tcp(packet);
    CHECK(drop_of(packet) == (words == 5 ? Drop::count_ : Drop::tcp_bad_data_offset));
  }
}

TEST_CASE("Segment: reserved bits are ignored", "[3.1]") {
  Segment segment;
  segment.source_port = segment.destination_port = 9;
  Octets packet = emit(segment);
  store8(packet, ipv4_header_size + 12, 0x5f);
  seal_tcp(packet);
  const auto again = parse(packet);
  REQUIRE(again);
  require_equal(*again, segment);
}

TEST_CASE("Segment: port 0 is nobody's", "[3.1]") {
  Segment segment;
  segment.source_port = 9;
  CHECK(drop_of(emit(segment)) == Drop::tcp_port_zero);
  std::swap(segment.source_port, segment.destination_port);
  CHECK(drop_of(emit(segment)) == Drop::tcp_port_zero);
}

TEST_CASE("Segment: without the ACK bit the field is sent as zero", "[3.1]") {
  Segment segment;
  segment.source_port = segment.destination_port = 9;
  segment.ack = SeqNum{77};
  segment.flags = Flag::syn;
  CHECK(load32(emit(segment), ipv4_header_size + 8) == 0);
}

TEST_CASE("Segment: SEG.LEN counts text, SYN and FIN", "[3.4]") {
  const Octets text(10);
  Segment segment;
  CHECK(segment.length() == 0);
  segment.text = text;
  CHECK(segment.length() == 10);
  segment.flags = Flag::fin | Flag::ack;
  CHECK(segment.length() == 11);
  segment.flags.set(Flag::syn);
  CHECK(segment.length() == 12);
  segment.flags.clear(Flag::fin);
  CHECK(segment.length() == 11);
}

TEST_CASE("Segment: a text of 64 KB in one packet", "[3.1]") {
  Random random{5};
  const Octets text = random_octets(random, max_datagram_size - ipv4_header_size - tcp_header_size);
  Segment segment;
  segment.source_port = segment.destination_port = 9;
  segment.text = text;
  const Octets packet = emit(segment);
  const auto again = parse(packet);
  REQUIRE(again);
  require_equal(*again, segment);
}

TEST_CASE("Segment: whatever the octets are, parsing ends well", "[3.1][MUST-7]") {
  Random random{6};
  int parsed = 0;
  for (int round = 0; round < 20'000; ++round) {
    Octets packet = random_octets(random, ipv4_header_size + random() % 80);
    emit_ipv4(ip, packet.size() - ipv4_header_size, packet);
    const auto segment = parse(packet, {.checksum_partial = true});
    if (!segment) continue;
    ++parsed;
    REQUIRE(segment->text.size() <= packet.size() - ipv4_header_size - tcp_header_size);
    REQUIRE(options_size(segment->options) <= max_options_size);
  }
  CHECK(parsed > 1000);
}

}  // namespace
}  // namespace backstop::wire
