// SEGMENT ARRIVES in the state LISTEN (RFC 9293 section 3.10.7.2), and what a listener does with its connections.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("LISTEN: a SYN is answered with SYN,ACK; the ACK completes the handshake", "[3.10.7.2]") {
  Scenario t;
  t.inject("S  0:0(0)       win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  t.inject(".  1:1(0) ack 1");
  t.silence();
  CHECK(t.accept().state() == State::established);
}

TEST_CASE("LISTEN: a RST is ignored", "[3.10.7.2]") {
  Scenario t;
  t.inject("R  0:0(0)");
  t.inject("R. 0:0(0) ack 1");
  t.inject("SR 0:0(0)");
  t.silence();
  CHECK(t.stack().connections() == 0);
}

TEST_CASE("LISTEN: any ACK is answered with RST", "[3.10.7.2]") {
  Scenario t;
  t.inject(GENERATE(as<std::string>{}, ".  1:1(0) ack 1000", "S. 0:0(0) ack 1000 win 65535", "F. 1:1(0) ack 1000",
                    "P. 1:11(10) ack 1000"));
  t.expect("R  1000:1000(0)");
  t.silence();
  CHECK(t.stack().connections() == 0);
}

TEST_CASE("LISTEN: a segment with neither RST, ACK nor SYN is dropped", "[3.10.7.2]") {
  Scenario t;
  t.inject("-  0:0(0)");
  t.inject("P  0:10(10)");
  t.inject("F  0:0(0)");
  t.silence();
  CHECK(t.stack().statistics().dropped(Drop::tcp_listen_neither) == 3);
}

TEST_CASE("LISTEN: a SYN,FIN is dropped", "[3.10.7.2]") {
  Scenario t;
  t.inject("SF 0:0(0) win 65535");
  t.silence();
  CHECK(t.stack().statistics().dropped(Drop::tcp_bad_flags) == 1);
  CHECK(t.stack().connections() == 0);
}

TEST_CASE("LISTEN: text in the SYN is kept, acknowledged and delivered after the handshake", "[3.10.7.2]") {
  Scenario t;
  t.inject("S  0:100(100)     win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 101");
  CHECK_FALSE(t.news(t.listener().id()).acceptable);
  t.inject("P. 101:201(100) ack 1");
  t.read(200);
}

TEST_CASE("LISTEN: an ECN-setup SYN is a SYN like any other", "[3.10.7.2]") {
  Scenario t;
  t.inject("SEW 0:0(0) win 65535 <mss 1460>");
  t.expect("S.E 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  CHECK(t.accept().state() == State::established);
}

TEST_CASE("LISTEN: the listener goes on while its connections live", "[3.9.1.1][MUST-41][MUST-42]") {
  Scenario t;
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
  t.between(80, 40'001);
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  Stream second = t.accept();
  CHECK(second.remote().port == 40'001);
  t.between(80, 40'000);
  t.inject(".  1:1(0) ack 1");
  Stream first = t.accept();
  CHECK(first.remote().port == 40'000);
}

TEST_CASE("LISTEN: connections are accepted in the order in which they were established", "[3.9.1.1]") {
  Scenario t;
  for (std::uint16_t port = 1001; port <= 1003; ++port) {
    t.between(80, port);
    t.inject("S  0:0(0) win 65535");
    t.expect("S. 0:0(0) ack 1");
    t.inject(".  1:1(0) ack 1");
  }
  CHECK(t.news(t.listener().id()).acceptable);
  CHECK(t.accept().remote().port == 1001);
  t.ignore_sent();
  CHECK(t.accept().remote().port == 1002);
  t.ignore_sent();
  CHECK(t.accept().remote().port == 1003);
  CHECK(t.listener().accept().error() == Error::would_block);
}

TEST_CASE("LISTEN: a port cannot be listened on twice, and can again afterwards", "[3.9.1.1]") {
  Scenario t;
  CHECK(t.stack().listen({Ipv4Address{}, 80}).error() == Error::connection_already_exists);
  CHECK(t.stack().listen({Scenario::default_local.address, 80}).has_value());  // more specific, so another one
  t.stop_listening();
  CHECK(t.stack().listen({Ipv4Address{}, 80}).has_value());
}

TEST_CASE("LISTEN: the listener on exactly this address wins over the one on every address", "[3.9.1.1][MUST-43]") {
  Scenario t;
  auto exact = t.stack().listen({Scenario::default_local.address, 80});
  REQUIRE(exact.has_value());
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  CHECK(t.listener().accept().error() == Error::would_block);
  CHECK(exact->accept().has_value());
}

TEST_CASE("LISTEN: an address that is not ours is refused", "[3.9.1.1]") {
  Scenario t;
  CHECK(t.stack().listen({Ipv4Address::of(10, 0, 0, 9), 81}).error() == Error::local_unspecified);
}

TEST_CASE("LISTEN: a full backlog drops new SYNs, which may come again", "[3.9.1.1]") {
  Scenario t;
  auto listener = t.stack().listen({Ipv4Address{}, 81}, {.backlog = 1});
  REQUIRE(listener.has_value());
  t.between(81, 40'000);
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  t.between(81, 40'001);
  t.inject("S  0:0(0) win 65535");
  t.silence();
  CHECK(t.stack().statistics().dropped(Drop::tcp_backlog_full) == 1);
  t.inject(".  1:1(0) ack 1");  // an ACK that nobody waits for is a stray, full or not
  t.expect("R  1:1(0)");
  auto first = listener->accept();
  REQUIRE(first.has_value());
  t.between(81, 40'001);
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
}

TEST_CASE("LISTEN: an ACK that would overfill the backlog is dropped, and SYN,ACK goes out again", "[3.9.1.1]") {
  Scenario t;
  auto listener = t.stack().listen({Ipv4Address{}, 81}, {.backlog = 2});
  REQUIRE(listener.has_value());
  const auto syn_from = [&](std::uint16_t port) {
    t.between(81, port);
    t.inject("S  0:0(0) win 65535");
    t.expect("S. 0:0(0) ack 1");
  };
  syn_from(1001);
  syn_from(1002);
  t.between(81, 1001);
  t.inject(".  1:1(0) ack 1");
  syn_from(1003);
  t.between(81, 1002);
  t.inject(".  1:1(0) ack 1");  // now two wait for accept()

  t.between(81, 1003);
  t.inject("P. 1:11(10) ack 1");
  t.silence();
  CHECK(t.stack().statistics().dropped(Drop::tcp_backlog_full) == 1);
  t.expect_after(1s, "S. 0:0(0) ack 1");
  const auto first = listener->accept();
  REQUIRE(first.has_value());
  t.inject("P. 1:11(10) ack 1");
  t.expect(".  1:1(0) ack 11");
  const auto second = listener->accept();
  const auto third = listener->accept();
  REQUIRE(third.has_value());
  CHECK(third->remote().port == 1003);
}

TEST_CASE("LISTEN: a full backlog keeps nobody from giving up", "[3.9.1.1]") {
  Scenario t;
  auto listener = t.stack().listen({Ipv4Address{}, 81}, {.backlog = 1});
  t.between(81, 1001);
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
  t.between(81, 1002);
  t.inject("S  0:0(0) win 65535");  // answered with a cookie: one is half-open
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  t.between(81, 1001);
  t.inject("R  1:1(0)");
  t.silence();
  CHECK(t.stack().connections() == 1);
}

TEST_CASE("LISTEN: a RST to one of its connections leaves the others and the listener alone", "[3.10.7.4][MUST-11]") {
  Scenario t;
  for (std::uint16_t port = 1001; port <= 1003; ++port) {
    t.between(80, port);
    t.inject("S  0:0(0) win 65535");
    t.expect("S. 0:0(0) ack 1");
  }
  t.between(80, 1001);
  t.inject(".  1:1(0) ack 1");
  t.between(80, 1002);
  t.inject("R  1:1(0)");
  t.silence();
  CHECK(t.stack().connections() == 2);
  t.between(80, 1003);
  t.inject(".  1:1(0) ack 1");
  CHECK(t.accept().remote().port == 1001);
  t.ignore_sent();
  CHECK(t.accept().remote().port == 1003);
  t.between(80, 1002);
  t.inject("S  0:0(0) win 65535");
  t.ignore_sent();
  t.inject(".  1:1(0) ack 1");
  CHECK(t.accept().remote().port == 1002);
}

TEST_CASE("LISTEN: a tiny MSS in the SYN is taken as one that makes progress", "[3.7.1][MUST-16]") {
  Scenario t;
  t.establish("<mss 1>");
  CHECK(t.stream().info().peer_mss == 48);
  t.write(100);
  t.expect(".  1:49(48) ack 1");
  t.expect(".  49:97(48) ack 1");
}

TEST_CASE("LISTEN: a SYN with text that comes again is one connection, and its text is delivered once",
          "[3.10.7.2][3.10.7.4]") {
  Scenario t;
  t.inject("S  0:100(100) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 101");
  t.inject("S  0:100(100) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 101");
  t.silence();
  CHECK(t.stack().connections() == 1);
  CHECK(t.stack().blocks_in_use() == 1);
  t.inject(".  101:101(0) ack 1");
  t.read(100);
  CHECK(t.stream().info().unread == 0);
}

TEST_CASE("LISTEN: an option takes SYN,FIN as a SYN, and keeps the FIN for later", "[3.10.7.2]") {
  Scenario t{[](Config& config) { config.accept_syn_fin = true; }};
  SECTION("alone") {
    t.inject("SF 0:0(0) win 65535");
    t.expect("S. 0:0(0) ack 1");
    t.inject(".  2:2(0) ack 1");
    t.expect(".  1:1(0) ack 2");
    t.state(State::close_wait);
    t.read_end();
  }
  SECTION("behind text") {
    t.inject("SF 0:100(100) win 65535");
    t.expect("S. 0:0(0) ack 101");
    t.inject(".  102:102(0) ack 1");
    t.expect(".  1:1(0) ack 102");
    t.state(State::close_wait);
    t.read(100);
    t.read_end();
  }
  SECTION("only at a listener") {
    t.between(81, 40'000);
    t.inject("SF 0:0(0) win 65535");
    t.silence();
  }
}

// Addresses that a SYN may not come from, or not go to.
struct AddressPair {
  Ipv4Address source;
  Ipv4Address destination;
};

std::vector<AddressPair> addresses_of_no_host() {
  constexpr Ipv4Address us = Scenario::default_local.address;
  constexpr Ipv4Address peer = Scenario::default_remote.address;
  return {{{}, us},
          {Ipv4Address::of(0, 1, 2, 3), us},
          {Ipv4Address::of(127, 0, 0, 1), us},
          {Ipv4Address::of(224, 0, 0, 1), us},
          {Ipv4Address::of(255, 255, 255, 255), us},
          {Ipv4Address::of(10, 0, 0, 255), us},
          {us, us},
          {peer, Ipv4Address::of(255, 255, 255, 255)},
          {peer, Ipv4Address::of(10, 0, 0, 255)},
          {peer, Ipv4Address::of(224, 0, 0, 1)}};
}

TEST_CASE("LISTEN: SYNs from and to addresses that are no host's are dropped", "[3.9.2.3][MUST-57][MUST-63]") {
  Scenario t;
  const Packet syn = t.build("S  0:0(0) win 65535");
  for (const auto& [source, destination] : addresses_of_no_host()) {
    t.inject_packet(
        tcp_packet({.source = source, .destination = destination}, *wire::parse_segment(*wire::parse_ipv4(syn))));
    t.silence();
    CHECK(t.stack().connections() == 0);
  }
}

TEST_CASE("LISTEN: a port may be listened on whatever its connections are doing, and they go on",
          "[3.9.1.1][MUST-41][MUST-42]") {
  Scenario t;
  t.between(90, 1001);
  t.connect();
  t.expect("S  0:0(0)");
  auto listener = t.stack().listen({Ipv4Address{}, 90});
  REQUIRE(listener.has_value());
  t.between(90, 1002);
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  const auto accepted = listener->accept();
  REQUIRE(accepted.has_value());
  t.between(90, 1001);
  t.inject("S. 0:0(0) ack 1 win 65535");
  t.expect(".  1:1(0) ack 1");
  auto exact = t.stack().listen({Scenario::default_local.address, 90});
  REQUIRE(exact.has_value());
  t.inject("P. 1:11(10) ack 1");
  t.expect(".  1:1(0) ack 11");
  CHECK(accepted->state() == State::established);
}

TEST_CASE("LISTEN: a listener that ends resets the connections that nobody accepted", "[3.9.1.1]") {
  Scenario t;
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  SECTION("established, not accepted") {
    t.stop_listening();
    t.expect("R. 1:1(0) ack 1");
  }
  SECTION("half-open") {
    t.between(80, 40'001);
    t.inject("S  0:0(0) win 65535");
    t.expect("S. 0:0(0) ack 1");
    t.stop_listening();
    t.between(80, 40'000);
    t.expect("R. 1:1(0) ack 1");
    t.between(80, 40'001);
    t.expect("R. 1:1(0) ack 1");
    t.silence();
    CHECK(t.stack().connections() == 0);
  }
  SECTION("established and accepted: it lives on") {
    Stream stream = t.accept();
    t.stop_listening();
    t.silence();
    CHECK(stream.state() == State::established);
  }
}

TEST_CASE("LISTEN: a half-open connection is given up without telling anybody", "[3.8.3]") {
  Scenario t;
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
  t.advance(5min);
  t.ignore_sent();
  CHECK(t.stack().connections() == 0);
  CHECK(t.listener().accept().error() == Error::would_block);
}

}  // namespace
}  // namespace backstop::test
