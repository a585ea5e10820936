// ICMP and UDP through the whole stack (RFC 1122 sections 3.2.2 and 4.1.3.1), and fragments of anything.
#include "stack/wire/checksum.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

Endpoint peer(std::uint16_t port) { return {Scenario::default_remote.address, port}; }
Endpoint us(std::uint16_t port) { return {Scenario::default_local.address, port}; }

TEST_CASE("ICMP: an echo is answered with the same text", "[RFC1122]") {
  Scenario t;
  t.inject("icmp: echo request, id 7, seq 3, length 64");
  const Packet request = t.build("icmp: echo request, id 7, seq 3, length 64");
  t.expect("icmp: echo reply, id 7, seq 3, length 64");
  t.inject_packet(request);
  const Packet reply = t.take_packet();
  const auto datagram = wire::parse_ipv4(reply);
  REQUIRE(datagram.has_value());
  CHECK(datagram->header.source == Scenario::default_local.address);
  CHECK(datagram->header.destination == Scenario::default_remote.address);
  CHECK(is_text(0, wire::parse_icmp(datagram->payload)->payload));
  t.silence();
  CHECK(t.stack().statistics().echo_replies == 2);
}

TEST_CASE("ICMP: an echo with a bad checksum is dropped", "[RFC1122]") {
  Scenario t;
  Packet packet = t.build("icmp: echo request");
  packet.back() ^= std::byte{1};
  t.inject_packet(packet);
  t.silence();
  CHECK(t.stack().statistics().dropped(Drop::icmp_bad_checksum) == 1);
}

TEST_CASE("UDP: any datagram is answered with port unreachable", "[RFC1122]") {
  Scenario t;
  t.inject_packet(udp_packet(peer(1000), us(53), text(0, 20)));
  t.expect("icmp: 10.0.0.2 udp port 53 unreachable");
  t.silence();
  CHECK(t.stack().statistics().unreachables_sent == 1);
}

TEST_CASE("UDP: no ICMP is sent about datagrams that are no single host's", "[RFC1122]") {
  Scenario t;
  const auto ignored = [&](const Packet& packet) {
    t.inject_packet(packet);
    t.silence();
  };
  SECTION("to broadcast") { ignored(udp_packet(peer(1000), {Ipv4Address::of(10, 0, 0, 255), 53}, text(0, 20))); }
  SECTION("to multicast") { ignored(udp_packet(peer(1000), {Ipv4Address::of(224, 0, 0, 1), 53}, text(0, 20))); }
  SECTION("from nobody") { ignored(udp_packet({Ipv4Address::of(0, 0, 0, 0), 1000}, us(53), text(0, 20))); }
  SECTION("a bad checksum") {
    Packet packet = udp_packet(peer(1000), us(53), text(0, 20));
    packet.back() ^= std::byte{1};
    ignored(packet);
  }
  CHECK(t.stack().statistics().unreachables_sent == 0);
}

TEST_CASE("ICMP: errors about a live connection do not end it", "[3.9.2.2][MUST-55][MUST-56]") {
  Scenario t;
  t.establish();
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.inject("icmp: net unreachable [seq 1]");
  t.inject("icmp: host unreachable [seq 1]");
  t.inject("icmp: 10.0.0.1 unreachable - source route failed [seq 1]");
  t.inject("icmp: time exceeded in-transit [seq 1]");
  t.inject("icmp: parameter problem - octet 20 [seq 1]");
  t.inject("icmp: source quench [seq 1]");
  t.inject("icmp: protocol 6 unreachable [seq 1]");
  t.inject("icmp: tcp port 40000 unreachable [seq 1]");
  t.silence();
  t.state(State::established);
  t.inject(".  1:1(0) ack 101");
  t.state(State::established);
}

TEST_CASE("ICMP: each code of destination unreachable has its error for whoever is connecting", "[3.9.2.2][MUST-54]") {
  struct Row {
    std::uint8_t code;
    std::optional<Error> error;
  };
  constexpr std::array<Row, 14> rows{{{0, Error::network_unreachable},
                                      {1, Error::host_unreachable},
                                      {2, Error::protocol_unreachable},
                                      {3, Error::connection_refused},
                                      {4, {}},  // fragmentation needed: the path is there
                                      {5, Error::host_unreachable},
                                      {6, Error::network_unreachable},
                                      {7, Error::host_unreachable},
                                      {8, Error::host_unreachable},
                                      {9, Error::network_unreachable},
                                      {10, Error::host_unreachable},
                                      {11, Error::network_unreachable},
                                      {12, Error::host_unreachable},
                                      {13, Error::host_unreachable}}};
  for (const Row& row : rows) {
    INFO("code " << int{row.code});
    Scenario t{IsnPair{1000, 2000}};
    t.connect();
    const Packet syn = t.take_packet();
    const std::uint32_t next_hop_mtu = row.code == 4 ? 1400 : 0;
    t.inject_packet(icmp_error(Ipv4Address::of(10, 0, 0, 254), wire::IcmpType::destination_unreachable, row.code,
                               next_hop_mtu, syn));
    t.ignore_sent();
    if (row.error) {
      t.state(State::closed);
      t.read_error(*row.error);
    } else {
      t.state(State::syn_sent);
    }
  }
}

TEST_CASE("ICMP: errors never answer errors", "[RFC1122]") {
  Scenario t;
  t.inject("icmp: udp port 53 unreachable");
  t.inject("icmp: echo reply, id 1, seq 1");
  t.inject("icmp: type 13 code 0");
  t.silence();
}

TEST_CASE("IP: a protocol that we do not speak is answered with protocol unreachable", "[RFC1122]") {
  Scenario t;
  Packet packet(wire::ipv4_header_size + 8);
  wire::emit_ipv4(
      {.source = Scenario::default_remote.address, .destination = Scenario::default_local.address, .protocol = 47}, 8,
      packet);
  t.inject_packet(packet);
  t.expect("icmp: protocol 47 unreachable");
  t.silence();
}

TEST_CASE("fragments: a segment in pieces, in any order, is one segment", "[RFC791]") {
  Scenario t;
  t.establish();
  const std::vector<Packet> pieces = fragments(t.build("P. 1:1201(1200) ack 1"), 576);
  REQUIRE(pieces.size() == 3);
  const std::string order = GENERATE(as<std::string>{}, "012", "210", "021", "1012");
  CAPTURE(order);
  for (const char digit : order) t.inject_packet(pieces[static_cast<std::size_t>(digit - '0')]);
  t.expect(".  1:1(0) ack 1201");
  t.read(1200);
}

TEST_CASE("fragments: a datagram that is not completed is forgotten", "[RFC791]") {
  Scenario t;
  t.establish();
  const std::vector<Packet> pieces = fragments(t.build("P. 1:1201(1200) ack 1"), 576);
  t.inject_packet(pieces[0]);
  t.inject_packet(pieces[2]);
  t.silence(10min);
  t.inject_packet(pieces[1]);
  t.silence();
  CHECK(t.stream().info().unread == 0);
  CHECK(t.stack().statistics().dropped(Drop::fragment_timeout) >= 1);
}

TEST_CASE("fragments: overlapping pieces drop the datagram", "[RFC791]") {
  Scenario t;
  t.establish();
  const Packet whole = t.build("P. 1:1201(1200) ack 1");
  const std::vector<Packet> pieces = fragments(whole, 576);
  const std::vector<Packet> others = fragments(whole, 400);
  t.inject_packet(pieces[0]);
  t.inject_packet(others[1]);
  t.inject_packet(pieces[1]);
  t.inject_packet(pieces[2]);
  t.silence();
  CHECK(t.stream().info().unread == 0);
}

TEST_CASE("fragments: where another stack gets them too, a segment in pieces is for its connection or for nobody") {
  Scenario t([](Config& config) { config.has_all_flows = false; });
  t.establish();
  for (const Packet& piece : fragments(t.build("P. 1:1201(1200) ack 1"), 576)) t.inject_packet(piece);
  t.expect(".  1:1(0) ack 1201");
  t.read(1200);
  t.between(80, 4711);  // of the other one
  for (const Packet& piece : fragments(t.build("P. 1:1201(1200) ack 1"), 576)) t.inject_packet(piece);
  t.silence();
  CHECK(t.stack().statistics().dropped(Drop::fragments_of_nobody) == 1);
  t.inject("P. 1:1201(1200) ack 1");
  t.expect("R  1:1(0)");
}

TEST_CASE("fragments: an echo larger than the MTU arrives in pieces too", "[RFC791]") {
  Scenario t;
  for (const Packet& piece : fragments(t.build("icmp: echo request, id 1, seq 1, length 1000"), 576)) {
    t.inject_packet(piece);
  }
  t.expect("icmp: echo reply, id 1, seq 1, length 1000");
}

TEST_CASE("IP: options in the header are skipped over", "[3.9.2][MUST-50]") {
  Scenario t;
  Packet packet = t.build("S  0:0(0) win 65535 <mss 1460>");
  packet.insert(packet.begin() + wire::ipv4_header_size, {std::byte{7}, std::byte{4}, std::byte{4}, std::byte{0}});
  packet[0] = std::byte{0x46};
  wire::store16(packet, 2, static_cast<std::uint16_t>(packet.size()));
  wire::store16(packet, 10, 0);
  wire::Checksum checksum;
  checksum.add(Bytes{packet}.first(24));
  wire::store16(packet, 10, checksum.finish());
  t.inject_packet(packet);
  t.expect("S. 0:0(0) ack 1");
}

TEST_CASE("IP: version 6 is counted and dropped", "[RFC791]") {
  Scenario t;
  Packet packet(40);
  packet[0] = std::byte{0x60};
  t.inject_packet(packet);
  t.silence();
  CHECK(t.stack().statistics().dropped(Drop::ip_version_6) == 1);
}

}  // namespace
}  // namespace backstop::test
