// SEGMENT ARRIVES when there is no connection (RFC 9293 section 3.10.7.1, reset generation in section 3.5.2).
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

TEST_CASE("CLOSED: a segment without ACK is answered with RST,ACK of its whole length", "[3.10.7.1]") {
  Scenario t;
  t.stop_listening();
  SECTION("SYN") {
    t.inject("S  0:0(0) win 65535 <mss 1460>");
    t.expect("R. 0:0(0) ack 1 win 0 <>");
  }
  SECTION("SYN with text") {
    t.inject("S  0:10(10) win 65535");
    t.expect("R. 0:0(0) ack 11");
  }
  SECTION("text alone") {
    t.inject("P  1:11(10)");
    t.expect("R. 0:0(0) ack 11");
  }
  SECTION("FIN") {
    t.inject("F  1:11(10)");
    t.expect("R. 0:0(0) ack 12");
  }
  SECTION("no control bit at all") {
    t.inject("-  5:5(0)");
    t.expect("R. 0:0(0) ack 5");
  }
  t.silence();
  CHECK(t.stack().connections() == 0);
  CHECK(t.stack().statistics().resets_sent == 1);
}

TEST_CASE("CLOSED: a segment with ACK is answered with RST at its acknowledgment number", "[3.10.7.1]") {
  Scenario t;
  t.stop_listening();
  t.inject(GENERATE(as<std::string>{}, ".  1:1(0) ack 77", "S. 0:0(0) ack 77 win 65535 <mss 1460>",
                    "P. 1:1001(1000) ack 77", "F. 1:1(0) ack 77"));
  t.expect("R  77:77(0) win 0 <>");
  t.silence();
}

TEST_CASE("CLOSED: a RST is dropped, whatever else it carries", "[3.10.7.1][SHLD-2]") {
  Scenario t;
  t.stop_listening();
  t.inject("R  0:0(0)");
  t.inject("R. 0:0(0) ack 77");
  t.inject("R  0:100(100)");
  t.inject("SR 0:0(0)");
  t.silence();
  CHECK(t.stack().statistics().resets_sent == 0);
}

TEST_CASE("CLOSED: a SYN,FIN is dropped", "[3.10.7.1]") {
  Scenario t;
  t.stop_listening();
  t.inject("SF 0:0(0) win 65535");
  t.silence();
  CHECK(t.stack().statistics().dropped(Drop::tcp_bad_flags) == 1);
}

TEST_CASE("CLOSED: a bad checksum gets no answer", "[3.10.7.1][MUST-3]") {
  Scenario t;
  Packet packet = t.build("S  0:0(0) win 65535");
  packet.back() ^= std::byte{1};
  t.inject_packet(packet);
  t.silence();
  CHECK(t.stack().statistics().dropped(Drop::tcp_bad_checksum) == 1);
}

TEST_CASE("CLOSED: SYNs from and to addresses that are no host's are dropped", "[3.9.2.3][MUST-57][MUST-63]") {
  Scenario t;
  const auto inject = [&](Ipv4Address source, Ipv4Address destination) {
    const wire::Segment syn{.source_port = 40'000,
                            .destination_port = 81,
                            .seq = SeqNum{1},
                            .ack = {},
                            .flags = wire::Flag::syn,
                            .options = {},
                            .text = {}};
    t.inject_packet(tcp_packet({.source = source, .destination = destination}, syn));
    t.silence();
  };
  const Ipv4Address us = Scenario::default_local.address;
  const Ipv4Address peer = Scenario::default_remote.address;
  SECTION("source: this network") { inject(Ipv4Address::of(0, 0, 0, 0), us); }
  SECTION("source: loopback") { inject(Ipv4Address::of(127, 0, 0, 1), us); }
  SECTION("source: multicast") { inject(Ipv4Address::of(224, 0, 0, 1), us); }
  SECTION("source: limited broadcast") { inject(Ipv4Address::of(255, 255, 255, 255), us); }
  SECTION("source: directed broadcast") { inject(Ipv4Address::of(10, 0, 0, 255), us); }
  SECTION("source: ourselves") { inject(us, us); }
  SECTION("destination: limited broadcast") { inject(peer, Ipv4Address::of(255, 255, 255, 255)); }
  SECTION("destination: directed broadcast") { inject(peer, Ipv4Address::of(10, 0, 0, 255)); }
  SECTION("destination: multicast") { inject(peer, Ipv4Address::of(224, 0, 0, 1)); }
  SECTION("destination: somebody else") { inject(peer, Ipv4Address::of(10, 0, 0, 3)); }
  CHECK(t.stack().statistics().resets_sent == 0);
}

TEST_CASE("CLOSED: strays of a connection that was closed are reset", "[3.10.7.1]") {
  Scenario t;
  t.establish();
  t.stop_listening();
  t.abort();
  t.expect("R. 1:1(0) ack 1");
  t.inject("P. 1:11(10) ack 1");
  t.expect("R  1:1(0)");
  t.inject("P  1:11(10)");
  t.expect("R. 0:0(0) ack 11");
  t.silence();
}

}  // namespace
}  // namespace backstop::test
