#include "tun/vnet_header.hpp"

#include <cstring>
#include <random>

#include "stack/wire/checksum.hpp"
#include "tests/tun/packets.hpp"
#include "tun/packet_copy.hpp"

namespace backstop::tun {
namespace {

// A header by its fields' places, in the host's byte order.
struct Fields {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t hdr_len = 0;
  std::uint16_t gso_size = 0;
  std::uint16_t csum_start = 0;
  std::uint16_t csum_offset = 0;
};

VnetHeader header_of(const Fields& fields) {
  VnetHeader header;
  std::memcpy(header.data(), &fields, header.size());
  return header;
}

Fields fields_of(const VnetHeader& header) {
  Fields fields;
  std::memcpy(&fields, header.data(), header.size());
  return fields;
}

constexpr std::uint8_t needs_checksum = 1;
constexpr std::uint8_t tcp4 = 1;
constexpr std::uint8_t ecn = 0x80;

constexpr Fields whole_packet{};
constexpr Fields partial_tcp{.flags = needs_checksum, .csum_start = 20, .csum_offset = 16};
constexpr Fields super_segment{
    .flags = needs_checksum, .gso_type = tcp4, .hdr_len = 40, .gso_size = 1448, .csum_start = 20, .csum_offset = 16};

std::vector<std::byte> tcp_packet(std::size_t text_size = 5000) { return TestPacket(text_size).flat(); }

std::vector<std::byte> udp_packet() {
  std::vector<std::byte> packet(28);
  wire::emit_ipv4({.source = left_address, .destination = right_address, .protocol = wire::protocol_udp}, 8, packet);
  wire::store16(packet, 24, 8);
  return packet;
}

TEST_CASE("vnet header: what the kernel writes is read") {
  CHECK(parse_vnet_header(header_of(whole_packet), tcp_packet()) == Offload{});
  CHECK(parse_vnet_header(header_of(partial_tcp), tcp_packet()) == Offload{.checksum_partial = true, .gso_size = 0});
  CHECK(parse_vnet_header(header_of(super_segment), tcp_packet()) ==
        Offload{.checksum_partial = true, .gso_size = 1448});

  Fields with_ecn = super_segment;
  with_ecn.gso_type |= ecn;
  CHECK(parse_vnet_header(header_of(with_ecn), tcp_packet()) == Offload{.checksum_partial = true, .gso_size = 1448});

  const Fields partial_udp{.flags = needs_checksum, .csum_start = 20, .csum_offset = 6};
  CHECK(parse_vnet_header(header_of(partial_udp), udp_packet()) == Offload{.checksum_partial = true, .gso_size = 0});

  const Fields checked_by_a_card{.flags = 2};
  CHECK(parse_vnet_header(header_of(checked_by_a_card), tcp_packet()) == Offload{});
}

TEST_CASE("vnet header: hdr_len is never believed") {
  for (const int lie : {0, 1, 39, 41, 5040, 65535}) {
    Fields fields = super_segment;
    fields.hdr_len = static_cast<std::uint16_t>(lie);
    CHECK(parse_vnet_header(header_of(fields), tcp_packet()) == Offload{.checksum_partial = true, .gso_size = 1448});
  }
}

TEST_CASE("vnet header: IP options move the place of the checksum") {
  std::vector<std::byte> packet = tcp_packet();
  packet.insert(packet.begin() + 20, 8, std::byte{1});
  packet[0] = std::byte{0x47};
  CHECK(parse_vnet_header(header_of(partial_tcp), packet) == std::unexpected(VnetError::bad_checksum_place));
  Fields moved = partial_tcp;
  moved.csum_start = 28;
  CHECK(parse_vnet_header(header_of(moved), packet) == Offload{.checksum_partial = true, .gso_size = 0});
}

TEST_CASE("vnet header: what makes no sense is refused") {
  const auto refused = [](Fields fields, Bytes packet) {
    const auto offload = parse_vnet_header(header_of(fields), packet);
    REQUIRE_FALSE(offload);
    return offload.error();
  };
  const auto tcp = tcp_packet();
  const auto with = [](Fields fields, auto member, auto value) {
    fields.*member = static_cast<std::remove_reference_t<decltype(fields.*member)>>(value);
    return fields;
  };
  CHECK(refused(with(partial_tcp, &Fields::flags, 5), tcp) == VnetError::unknown_flags);
  CHECK(refused(with(partial_tcp, &Fields::flags, 0x80), tcp) == VnetError::unknown_flags);
  CHECK(refused(with(partial_tcp, &Fields::csum_start, 24), tcp) == VnetError::bad_checksum_place);
  CHECK(refused(with(partial_tcp, &Fields::csum_start, 0xffff), tcp) == VnetError::bad_checksum_place);
  CHECK(refused(with(partial_tcp, &Fields::csum_offset, 6), tcp) == VnetError::bad_checksum_place);
  CHECK(refused(with(partial_tcp, &Fields::csum_offset, 0xffff), tcp) == VnetError::bad_checksum_place);
  for (const int type : {2, 3, 4, 5, 0x7f, 0x80, 0x83, 0x84}) {
    CHECK(refused(with(super_segment, &Fields::gso_type, type), tcp) == VnetError::unknown_gso_type);
  }
  CHECK(refused(with(super_segment, &Fields::gso_size, 0), tcp) == VnetError::bad_gso_size);
  CHECK(refused(with(super_segment, &Fields::flags, 0), tcp) == VnetError::gso_not_partial);
  CHECK(refused(with(super_segment, &Fields::csum_offset, 6), udp_packet()) == VnetError::gso_not_partial);
  CHECK(refused(partial_tcp, udp_packet()) == VnetError::bad_checksum_place);
  CHECK(refused(partial_tcp, Bytes{tcp}.first(39)) == VnetError::bad_checksum_place);
  CHECK(refused(partial_tcp, Bytes{tcp}.first(1)) == VnetError::bad_checksum_place);

  auto fragment = tcp;
  fragment[6] = std::byte{0x20};
  CHECK(refused(partial_tcp, fragment) == VnetError::bad_checksum_place);
}

TEST_CASE("vnet header: a packet that is not IPv4 is left to the stack to drop") {
  std::vector<std::byte> ipv6(60);
  ipv6[0] = std::byte{0x60};
  CHECK(parse_vnet_header(header_of({.flags = needs_checksum, .csum_start = 40, .csum_offset = 16}), ipv6) ==
        Offload{});
  CHECK(parse_vnet_header(header_of(partial_tcp), {}) == Offload{});
}

TEST_CASE("vnet header: whatever the octets, what is read is true of the packet") {
  std::mt19937 random(1);
  const auto tcp = tcp_packet(100);
  const auto udp = udp_packet();
  int partial = 0;
  for (int round = 0; round < 200'000; ++round) {
    // Mostly right headers with a few wrong octets, and packets cut and spoiled likewise.
    VnetHeader header = header_of(round % 2 == 0 ? super_segment : partial_tcp);
    std::vector<std::byte> packet = round % 3 == 0 ? udp : tcp;
    packet.resize(random() % (packet.size() + 1));
    for (auto spoilt = random() % 3; spoilt > 0; --spoilt) header[random() % header.size()] = std::byte(random());
    if (!packet.empty() && random() % 4 == 0) packet[random() % packet.size()] = std::byte(random());
    const auto offload = parse_vnet_header(header, packet);
    if (!offload || *offload == Offload{}) continue;
    ++partial;
    REQUIRE(offload->checksum_partial);
    const Fields fields = fields_of(header);
    REQUIRE(wire::load8(packet, 0) >> 4 == 4);
    REQUIRE(fields.csum_start == (wire::load8(packet, 0) & 0xf) * 4);
    REQUIRE(fields.csum_start + fields.csum_offset + 2u <= packet.size());
    REQUIRE(offload->gso_size == (fields.gso_type == 0 ? 0 : fields.gso_size));
    if (offload->gso_size != 0) REQUIRE(wire::load8(packet, 9) == wire::protocol_tcp);
  }
  CHECK(partial > 10'000);
}

TEST_CASE("vnet header: what is written for the kernel is read back as the same offload") {
  for (const std::size_t text : {0u, 1u, 1447u, 1448u, 1449u, 5000u, 65'000u}) {
    for (const Offload offload : {Offload{}, Offload{.checksum_partial = true, .gso_size = 0},
                                  Offload{.checksum_partial = true, .gso_size = 1448}}) {
      const TestPacket packet(text, offload);
      const auto read = parse_vnet_header(emit_vnet_header(packet.view()), packet.flat());
      Offload expected = offload;
      if (text <= offload.gso_size) expected.gso_size = 0;  // One segment: nothing to cut.
      CHECK(read == expected);
    }
  }
}

TEST_CASE("vnet header: a super-segment that says CWR says so in its header", "[ecn]") {
  wire::Segment reduced;
  reduced.flags = wire::Flag::ack | wire::Flag::cwr;
  const Offload offload{.checksum_partial = true, .gso_size = 1448};
  CHECK(fields_of(emit_vnet_header(TestPacket(5000, offload, reduced).view())).gso_type == (tcp4 | ecn));
  CHECK(fields_of(emit_vnet_header(TestPacket(5000, offload).view())).gso_type == tcp4);
  CHECK(fields_of(emit_vnet_header(TestPacket(1000, offload, reduced).view())).gso_type == 0);
  CHECK(fields_of(emit_vnet_header(TestPacket(5000, offload).view())).hdr_len == 40);
}

TEST_CASE("Partial checksum: finished in a copy, it is the one that the stack would have written") {
  for (const std::size_t text : {0u, 1u, 2u, 333u, 1460u, 65'000u}) {
    const TestPacket partial(text, {.checksum_partial = true, .gso_size = 0});
    std::vector<std::byte> copy = partial.flat();
    finish_checksum(copy, {});
    CHECK(copy == TestPacket(text).flat());

    std::vector<std::byte> headers(partial.view().headers.begin(), partial.view().headers.end());
    finish_checksum(headers, partial.view().text);
    CHECK(same_bytes(headers, Bytes{copy}.first(headers.size())));
  }
}

TEST_CASE("Partial checksum: a UDP sum of zero is written as its other form", "[RFC768]") {
  auto packet = udp_packet();
  // The two ports that make the sum come out as zero: the rest of it, complemented.
  wire::Checksum rest = wire::pseudo_header(left_address, right_address, wire::protocol_udp, 8);
  rest.add(Bytes{packet}.subspan(20));
  wire::store16(packet, 20, rest.finish());
  finish_checksum(packet, {});
  CHECK(wire::load16(packet, 26) == 0xffff);
}

TEST_CASE("Partial checksum: packets that have none to finish are left alone") {
  const auto unchanged = [](std::vector<std::byte> packet) {
    const auto before = packet;
    finish_checksum(packet, {});
    return packet == before;
  };
  CHECK(unchanged({}));
  CHECK(unchanged(std::vector<std::byte>(19)));
  auto short_header = tcp_packet(10);
  short_header[0] = std::byte{0x44};
  CHECK(unchanged(short_header));
  auto other_protocol = tcp_packet(10);
  other_protocol[9] = std::byte{1};
  CHECK(unchanged(other_protocol));
  auto cut = tcp_packet(10);
  cut.resize(37);
  CHECK(unchanged(cut));
}

}  // namespace
}  // namespace backstop::tun
