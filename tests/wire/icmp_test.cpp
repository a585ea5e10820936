#include "stack/wire/icmp.hpp"

#include "stack/wire/segment.hpp"
#include "tests/support/catch.hpp"
#include "tests/wire/octets.hpp"

namespace backstop::wire {
namespace {

constexpr Ipv4Header our_header{.source = Ipv4Address::of(10, 90, 0, 2), .destination = Ipv4Address::of(192, 0, 2, 1)};

Octets emit(const IcmpMessage& message) {
  Octets bytes(icmp_header_size);
  emit_icmp_header(message, bytes);
  bytes.insert(bytes.end(), message.payload.begin(), message.payload.end());
  return bytes;
}

// A segment of ours as a router quotes it: `octets_of_tcp` octets behind the IPv4 header.
Octets quotation(std::size_t octets_of_tcp, std::size_t options_size = 0) {
  Segment segment;
  segment.source_port = 80;
  segment.destination_port = 40'000;
  segment.seq = SeqNum{0xfedc'ba98};
  std::array<std::byte, max_headers_size> headers{};
  emit_segment(our_header, segment, {}, ChecksumKind::full, headers);
  Octets packet(headers.begin(), headers.begin() + ipv4_header_size);
  packet.insert(packet.end(), options_size, std::byte{1});
  packet.insert(packet.end(), headers.begin() + ipv4_header_size,
                headers.begin() + ipv4_header_size + static_cast<std::ptrdiff_t>(octets_of_tcp));
  store8(packet, 0, static_cast<std::uint8_t>(0x40 | (ipv4_header_size + options_size) / 4));
  return packet;
}

TEST_CASE("ICMP: an echo request on the wire, octet by octet", "[RFC792]") {
  const Octets payload = octets({'p', 'i', 'n', 'g', '!'});
  const Octets bytes = emit({.type = IcmpType::echo_request, .rest = 0x1234'0001, .payload = payload});
  Octets expected = octets({8, 0, 0, 0, 0x12, 0x34, 0, 1, 'p', 'i', 'n', 'g', '!'});
  store16(expected, 2, static_cast<std::uint16_t>(~reference_sum(expected)));
  CHECK(bytes == expected);
}

TEST_CASE("ICMP: any message that is emitted is parsed again", "[RFC792]") {
  Random random{1};
  for (int round = 0; round < 1000; ++round) {
    const Octets payload = random_octets(random, random() % 100);
    const IcmpMessage message{.type = static_cast<IcmpType>(random_number<std::uint8_t>(random)),
                              .code = random_number<std::uint8_t>(random),
                              .rest = random_number<std::uint32_t>(random),
                              .payload = payload};
    const Octets bytes = emit(message);
    const auto again = parse_icmp(bytes);
    REQUIRE(again);
    REQUIRE(again->type == message.type);
    REQUIRE(again->code == message.code);
    REQUIRE(again->rest == message.rest);
    REQUIRE(std::ranges::equal(again->payload, payload));
  }
}

TEST_CASE("ICMP: short messages and damaged ones are dropped", "[RFC792]") {
  const Octets bytes = emit({.rest = 7, .payload = octets({1, 2, 3})});
  for (std::size_t size = 0; size < icmp_header_size; ++size) {
    const auto cut = parse_icmp(Bytes{bytes}.first(size));
    REQUIRE_FALSE(cut);
    CHECK(cut.error() == Drop::icmp_truncated);
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Octets damaged = bytes;
    damaged[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    const auto result = parse_icmp(damaged);
    REQUIRE_FALSE(result);
    REQUIRE(result.error() == Drop::icmp_bad_checksum);
  }
}

TEST_CASE("ICMP: the quotation of a segment of ours names its connection", "[RFC1122]") {
  for (const std::size_t options : {0u, 4u, 40u}) {
    for (const std::size_t octets_of_tcp : {8u, 12u, 20u}) {
      const auto quoted = parse_quoted_segment(quotation(octets_of_tcp, options));
      REQUIRE(quoted);
      CHECK(quoted->tuple.local == Endpoint{our_header.source, 80});
      CHECK(quoted->tuple.remote == Endpoint{our_header.destination, 40'000});
      CHECK(quoted->seq == SeqNum{0xfedc'ba98});
    }
  }
}

TEST_CASE("ICMP: a quotation that is too short names nothing", "[RFC792]") {
  const Octets bytes = quotation(8, 4);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Octets cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_FALSE(parse_quoted_segment(cut));
  }
  CHECK(parse_quoted_segment(bytes));
}

TEST_CASE("ICMP: a quotation of anything but the first piece of an IPv4 TCP segment names nothing", "[RFC792]") {
  Octets bytes = quotation(20);
  REQUIRE(parse_quoted_segment(bytes));
  SECTION("another protocol") {
    store8(bytes, 9, protocol_udp);
    CHECK_FALSE(parse_quoted_segment(bytes));
  }
  SECTION("another version") {
    store8(bytes, 0, 0x65);
    CHECK_FALSE(parse_quoted_segment(bytes));
  }
  SECTION("a header that is too small") {
    store8(bytes, 0, 0x44);
    CHECK_FALSE(parse_quoted_segment(bytes));
  }
  SECTION("a header that is longer than the quotation") {
    store8(bytes, 0, 0x4f);
    CHECK_FALSE(parse_quoted_segment(bytes));
  }
  SECTION("a later fragment") {
    store16(bytes, 6, 0x2001);
    CHECK_FALSE(parse_quoted_segment(bytes));
  }
  SECTION("a first fragment is good enough") {
    store16(bytes, 6, 0x2000);
    CHECK(parse_quoted_segment(bytes));
  }
}

}  // namespace
}  // namespace backstop::wire
