// Explicit congestion notification (RFC 3168).
#include "stack/wire/checksum.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

using namespace backstop;
using namespace backstop::test;

namespace {

// What the peer's datagram says of congestion.
Packet marked(Packet packet) {
  packet[1] = std::byte{3};
  wire::store16(packet, 10, 0);
  wire::Checksum checksum;
  checksum.add(Bytes{packet}.first(wire::ipv4_header_size));
  wire::store16(packet, 10, checksum.finish());
  return packet;
}

void establish_with_ecn(Scenario& t) {
  t.inject("SEW 0:0(0) win 65535 <mss 1460>");
  t.expect("S.E 0:0(0) ack 1");
  t.inject(".   1:1(0) ack 1 win 65535");
  CHECK(t.stream().state() == State::established);
}

}  // namespace

TEST_CASE("ECN: an offer is answered with ECE, and a plain SYN is not", "[SHLD-8]") {
  Scenario t;
  SECTION("offered") { establish_with_ecn(t); }
  SECTION("not offered") {
    t.inject("S  0:0(0) win 65535 <mss 1460>");
    CHECK(t.expect("S. 0:0(0) ack 1").flags == (wire::Flag::syn | wire::Flag::ack));
  }
}

TEST_CASE("ECN: a mark is echoed until the peer says that its window is reduced", "[SHLD-8]") {
  Scenario t;
  establish_with_ecn(t);
  t.inject_packet(marked(t.build("P. 1:101(100) ack 1")));
  t.expect(".E 1:1(0) ack 101");
  t.inject("P. 101:201(100) ack 1");
  t.expect(".E 1:1(0) ack 201");
  t.inject("P.W 201:301(100) ack 1");
  t.expect(".  1:1(0) ack 301");
}

TEST_CASE("ECN: the peer's echo halves the window once and is answered with CWR on new text", "[SHLD-8]") {
  Scenario t{[](Config& config) { config.tcp.congestion = CongestionAlgorithm::new_reno; }};
  establish_with_ecn(t);
  t.write(2920);
  t.expect(".  1:1461(1460) ack 1");
  t.expect("P. 1461:2921(1460) ack 1");
  const auto before = t.stream().info().congestion_window;
  t.inject(".E 1:1(0) ack 1461");
  t.inject(".E 1:1(0) ack 2921");
  const auto after = t.stream().info().congestion_window;
  CHECK(after < before);
  t.write(100);
  t.expect("P.W 2921:3021(100) ack 1");
  t.write(100);
  t.inject(". 1:1(0) ack 3021");
  t.expect("P.  3021:3121(100) ack 1");
}
