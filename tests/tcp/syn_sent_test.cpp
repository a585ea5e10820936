// SEGMENT ARRIVES in the state SYN-SENT (RFC 9293 section 3.10.7.3), and the active open itself (section 3.9.1.1).
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("SYN-SENT: the SYN offers what we have", "[3.10.1][MUST-14][SHLD-5]") {
  Scenario t;
  t.connect();
  t.expect("[ttl 64] S 0:0(0) win 65535 <mss 1460,sackOK,TS ecr 0,nop,wscale 5>");
  t.silence();
  CHECK(t.stack().statistics().active_opens == 1);
}

TEST_CASE("SYN-SENT: an unacceptable ACK is answered with RST, and the attempt goes on", "[3.10.7.3]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  SECTION("an ACK of nothing we sent") {
    t.inject(".  0:0(0) ack 0");
    t.expect("R  0:0(0)");
  }
  SECTION("an ACK of the future") {
    t.inject(".  0:0(0) ack 2");
    t.expect("R  2:2(0)");
  }
  SECTION("in a SYN,ACK") {
    t.inject("S. 0:0(0) ack 2 win 65535");
    t.expect("R  2:2(0)");
  }
  SECTION("in a RST: no answer") {
    t.inject("R. 0:0(0) ack 2");
    t.silence();
  }
  t.silence();
  t.state(State::syn_sent);
  t.expect_after(1s, "S  0:0(0)");
}

TEST_CASE("SYN-SENT: a RST that acknowledges the SYN refuses the connection", "[3.10.7.3]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject("R. 0:0(0) ack 1");
  t.silence();
  t.state(State::closed);
  CHECK(t.news().closed);
  t.read_error(Error::connection_refused);
  t.silence(5min);
}

TEST_CASE("SYN-SENT: a RST without ACK is dropped", "[3.10.7.3]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject("R  0:0(0)");
  t.silence();
  t.state(State::syn_sent);
}

TEST_CASE("SYN-SENT: segments with neither SYN nor RST are dropped", "[3.10.7.3]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject(GENERATE(as<std::string>{}, ".  1:1(0) ack 1", "F. 1:1(0) ack 1", "P  1:11(10)"));
  t.silence();
  t.state(State::syn_sent);
}

TEST_CASE("SYN-SENT: text and FIN in the SYN,ACK are processed", "[3.10.7.3]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  SECTION("text") {
    t.inject("S. 0:100(100) ack 1 win 65535 <mss 1460>");
    t.expect(".  1:1(0) ack 101");
    t.state(State::established);
    t.read(100);
  }
  SECTION("text and FIN") {
    t.inject("SF. 0:100(100) ack 1 win 65535 <mss 1460>");
    t.expect(".  1:1(0) ack 102");
    t.state(State::close_wait);
    t.read(100);
    t.read_end();
  }
}

TEST_CASE("SYN-SENT: what the user wrote goes out with the handshake's end", "[3.10.7.3][3.9.1.2]") {
  Scenario t;
  t.connect();
  t.write(100);
  t.expect("S  0:0(0)");
  t.silence();
  t.inject("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  t.expect("P. 1:101(100) ack 1");
  t.silence();
}

TEST_CASE("SYN-SENT: closing gives up in silence", "[3.10.4]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.close();
  t.silence(5min);
  t.state(State::closed);
}

TEST_CASE("SYN-SENT: a SYN,ACK for a connection that was given up is reset", "[3.10.7.1]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.abort();
  t.silence();
  t.stop_listening();
  t.inject("S. 0:0(0) ack 1 win 65535");
  t.expect("R  1:1(0)");
}

TEST_CASE("SYN-SENT: ICMP unreachable ends the attempt with the code's error", "[3.9.2.2][MUST-54]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  SECTION("host") {
    t.inject("icmp: host unreachable [seq 0]");
    t.read_error(Error::host_unreachable);
  }
  SECTION("net") {
    t.inject("icmp: net unreachable [seq 0]");
    t.read_error(Error::network_unreachable);
  }
  SECTION("protocol") {
    t.inject("icmp: protocol 6 unreachable [seq 0]");
    t.read_error(Error::protocol_unreachable);
  }
  t.state(State::closed);
  t.silence(5min);
}

TEST_CASE("SYN-SENT: ICMP about a number that is not outstanding is ignored", "[3.9.2.2]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject("icmp: host unreachable [seq 1]");
  t.inject("icmp: host unreachable [seq -1]");
  t.inject("icmp: source quench [seq 0]");
  t.state(State::syn_sent);
}

TEST_CASE("connect: what cannot be connected to is refused at once", "[3.9.1.1][MUST-46]") {
  Scenario t;
  const auto error_to = [&](Ipv4Address address, std::uint16_t port) {
    const auto stream = t.stack().connect({address, port}, t.now());
    return stream ? Error::would_block : stream.error();
  };
  CHECK(error_to(Ipv4Address::of(0, 0, 0, 0), 80) == Error::remote_unspecified);
  CHECK(error_to(Ipv4Address::of(255, 255, 255, 255), 80) == Error::remote_unspecified);
  CHECK(error_to(Ipv4Address::of(10, 0, 0, 255), 80) == Error::remote_unspecified);
  CHECK(error_to(Ipv4Address::of(224, 0, 0, 1), 80) == Error::remote_unspecified);
  CHECK(error_to(Ipv4Address::of(10, 0, 0, 1), 0) == Error::remote_unspecified);
  t.silence();
}

TEST_CASE("connect: the local end is ours, and chosen when it is not given", "[3.9.1.1][MUST-43][MUST-44][MUST-45]") {
  Scenario t;
  auto stream = t.stack().connect({Scenario::default_remote.address, 9}, t.now());
  REQUIRE(stream.has_value());
  CHECK(stream->local().address == Scenario::default_local.address);
  CHECK(stream->local().port >= 1024);
  auto other = t.stack().connect({Scenario::default_remote.address, 9}, t.now());
  REQUIRE(other.has_value());
  CHECK(other->local().port != stream->local().port);
  const ConnectOptions foreign{.local = {Ipv4Address::of(10, 0, 0, 9), 0}};
  CHECK(t.stack().connect({Scenario::default_remote.address, 9}, t.now(), foreign).error() == Error::local_unspecified);
  CHECK(t.stack().connect({Scenario::default_remote.address, 9}, t.now(), {.local = stream->local()}).error() ==
        Error::connection_already_exists);
}

TEST_CASE("connect: when the table is full, that is the error", "[3.9.1.1]") {
  Scenario t{[](Config& config) { config.max_connections = 2; }};
  auto first = t.stack().connect({Scenario::default_remote.address, 9}, t.now());
  auto second = t.stack().connect({Scenario::default_remote.address, 9}, t.now());
  CHECK(t.stack().connect({Scenario::default_remote.address, 9}, t.now()).error() == Error::insufficient_resources);
}

TEST_CASE("SYN-SENT: the SYN is sent again with doubled intervals, for three minutes at least",
          "[3.8.3][MUST-22][MUST-23]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.expect_after(1s, "S  0:0(0)");
  t.expect_after(2s, "S  0:0(0)");
  t.expect_after(4s, "S  0:0(0)");
  t.expect_after(8s, "S  0:0(0)");
  t.expect_after(16s, "S  0:0(0)");
  t.expect_after(32s, "S  0:0(0)");
  t.expect_after(64s, "S  0:0(0)");
  t.silence(53s - 1ns);  // 180 s after the first
  t.state(State::syn_sent);
  t.advance(120s);
  t.ignore_sent();
  t.state(State::closed);
  CHECK(t.news().closed);
  t.read_error(Error::user_timeout);
}

}  // namespace
}  // namespace backstop::test
