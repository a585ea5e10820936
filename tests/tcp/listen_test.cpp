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
  t.between(81, 40'001);
  t.inject("S  0:0(0) win 65535");
  t.silence();
  CHECK(t.stack().statistics().dropped(Drop::tcp_backlog_full) == 1);
  t.between(81, 40'000);
  t.inject(".  1:1(0) ack 1");
  auto first = listener->accept();
  REQUIRE(first.has_value());
  t.between(81, 40'001);
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
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
