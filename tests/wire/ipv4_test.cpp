#include "stack/wire/ipv4.hpp"

#include "tests/support/catch.hpp"
#include "tests/wire/octets.hpp"

namespace backstop::wire {
namespace {

constexpr Ipv4Header a_header{.source = Ipv4Address::of(10, 90, 0, 1), .destination = Ipv4Address::of(10, 90, 0, 2)};

// A packet with `payload_size` octets of payload, and `options_size` of no-operation options in its header.
Octets a_packet(std::size_t payload_size, std::size_t options_size = 0) {
  Octets packet(ipv4_header_size + options_size + payload_size, std::byte{1});
  emit_ipv4(a_header, options_size + payload_size, packet);
  store8(packet, 0, static_cast<std::uint8_t>(0x40 | (ipv4_header_size + options_size) / 4));
  seal_ipv4(packet);
  return packet;
}

Drop drop_of(Bytes packet) {
  const auto result = parse_ipv4(packet);
  return result ? Drop::count_ : result.error();
}

TEST_CASE("IPv4: a header on the wire, octet by octet", "[RFC791]") {
  const Ipv4Header header{.source = Ipv4Address::of(192, 0, 2, 1),
                          .destination = Ipv4Address::of(198, 51, 100, 2),
                          .protocol = protocol_udp,
                          .ttl = 63,
                          .tos = 0xb8,
                          .id = 0x1234,
                          .more_fragments = true,
                          .fragment_offset = 1480};
  Octets out(20);
  emit_ipv4(header, 8, out);
  Octets expected = octets({0x45, 0xb8, 0, 28, 0x12, 0x34, 0x20, 185, 63, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2});
  store16(expected, 10, static_cast<std::uint16_t>(~reference_sum(expected)));
  CHECK(out == expected);
}

TEST_CASE("IPv4: any header that is emitted is parsed again", "[RFC791]") {
  Random random{1};
  for (int round = 0; round < 2000; ++round) {
    const Ipv4Header header{.source = {random_number<std::uint32_t>(random)},
                            .destination = {random_number<std::uint32_t>(random)},
                            .protocol = random_number<std::uint8_t>(random),
                            .ttl = random_number<std::uint8_t>(random),
                            .tos = random_number<std::uint8_t>(random),
                            .id = random_number<std::uint16_t>(random),
                            .dont_fragment = random() % 2 == 0,
                            .more_fragments = random() % 2 == 0,
                            .fragment_offset = static_cast<std::uint16_t>(random() % 8192 * 8)};
    const std::size_t payload_size = random() % 100;
    Octets packet = random_octets(random, ipv4_header_size + payload_size);
    emit_ipv4(header, payload_size, packet);
    const auto datagram = parse_ipv4(packet);
    REQUIRE(datagram);
    REQUIRE(datagram->header == header);
    REQUIRE(datagram->header.is_fragment() == (header.more_fragments || header.fragment_offset != 0));
    REQUIRE(datagram->payload.data() == packet.data() + ipv4_header_size);
    REQUIRE(datagram->payload.size() == payload_size);
    REQUIRE(datagram->whole.size() == packet.size());
  }
}

TEST_CASE("IPv4: the largest datagram") {
  const Octets packet = a_packet(max_datagram_size - ipv4_header_size);
  const auto datagram = parse_ipv4(packet);
  REQUIRE(datagram);
  CHECK(datagram->whole.size() == 65'535);
}

TEST_CASE("IPv4: options are skipped, whatever they are", "[MUST-50]") {
  Random random{2};
  for (std::size_t options = 4; options <= 40; options += 4) {
    Octets packet = a_packet(8, options);
    for (std::size_t i = 0; i < options; ++i) packet[ipv4_header_size + i] = static_cast<std::byte>(random());
    seal_ipv4(packet);
    const auto datagram = parse_ipv4(packet);
    REQUIRE(datagram);
    CHECK(datagram->header == a_header);
    CHECK(datagram->payload.size() == 8);
    CHECK(datagram->whole.size() == packet.size());
  }
}

TEST_CASE("IPv4: octets behind the total length are padding") {
  Octets packet = a_packet(6);
  packet.resize(46);
  const auto datagram = parse_ipv4(packet);
  REQUIRE(datagram);
  CHECK(datagram->payload.size() == 6);
  CHECK(datagram->whole.size() == 26);
}

TEST_CASE("IPv4: a packet that was cut short is dropped, wherever the cut is") {
  const Octets packet = a_packet(10, 8);
  for (std::size_t size = 0; size < packet.size(); ++size) {
    INFO(size << " octets");
    // A copy of just that size, so that a sanitizer sees any look behind its end.
    const Octets cut(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(drop_of(cut) == Drop::ip_truncated);
  }
  CHECK(drop_of(packet) == Drop::count_);
}

TEST_CASE("IPv4: other versions are dropped, and IPv6 has a counter of its own") {
  for (unsigned version = 0; version < 16; ++version) {
    if (version == 4) continue;
    Octets packet = a_packet(10);
    store8(packet, 0, static_cast<std::uint8_t>(version << 4 | 5));
    CHECK(drop_of(packet) == (version == 6 ? Drop::ip_version_6 : Drop::ip_bad_version));
    CHECK(drop_of(Bytes{packet}.first(1)) == (version == 6 ? Drop::ip_version_6 : Drop::ip_bad_version));
  }
}

TEST_CASE("IPv4: a header of fewer than 20 octets") {
  for (unsigned words = 0; words < 5; ++words) {
    Octets packet = a_packet(10);
    store8(packet, 0, static_cast<std::uint8_t>(0x40 | words));
    CHECK(drop_of(packet) == Drop::ip_bad_header_length);
  }
}

TEST_CASE("IPv4: a total length that does not hold the header") {
  Octets packet = a_packet(10, 8);
  store16(packet, 2, 27);
  seal_ipv4(packet);
  CHECK(drop_of(packet) == Drop::ip_bad_total_length);
  store16(packet, 2, 0);
  seal_ipv4(packet);
  CHECK(drop_of(packet) == Drop::ip_bad_total_length);
}

TEST_CASE("IPv4: one bit turned in the header is found out", "[RFC791]") {
  const Octets packet = a_packet(10, 4);
  for (std::size_t bit = 0; bit < 24 * 8; ++bit) {
    Octets damaged = packet;
    damaged[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    INFO("bit " << bit);
    CHECK(drop_of(damaged) != Drop::count_);
  }
  Octets damaged = packet;
  store16(damaged, 10, static_cast<std::uint16_t>(load16(damaged, 10) + 1));
  CHECK(drop_of(damaged) == Drop::ip_bad_checksum);
}

TEST_CASE("Drop: every reason has a name of its own") {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < drop_count; ++i) names.push_back(to_string(static_cast<Drop>(i)));
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  CHECK_FALSE(names.front().empty());
  CHECK(to_string(Drop::ip_truncated) == "ip_truncated");
  CHECK(to_string(Drop::reply_rate_limited) == "reply_rate_limited");
  CHECK(to_string(Drop::count_) == "unknown");
}

}  // namespace
}  // namespace backstop::wire
