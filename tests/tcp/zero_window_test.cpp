// Windows that close (RFC 9293 section 3.8.6): probes by the sender, and a receiver that opens in worthwhile steps.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("zero window: it is probed after the RTO, with doubling intervals",
          "[3.8.6.1][MUST-36][MUST-35][SHLD-29][SHLD-30]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1 win 0");
  t.write(100);
  t.silence();
  t.expect_after(200ms, ".  0:0(0) ack 1");
  t.expect_after(400ms, ".  0:0(0) ack 1");
  t.expect_after(800ms, ".  0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1 win 0");
  t.advance(10s);
  t.ignore_sent();
  t.inject(".  1:1(0) ack 1 win 65535");
  t.expect("P. 1:101(100) ack 1");
  t.silence();
}

TEST_CASE("zero window: probes that were backed off do not delay the retransmission of what follows",
          "[3.8.6.1][RFC6298]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1 win 0");
  t.write(100);
  t.advance(10s);
  t.ignore_sent();
  t.inject(".  1:1(0) ack 1 win 65535");
  t.expect("P. 1:101(100) ack 1");
  t.expect_after(200ms, "P. 1:101(100) ack 1");
}

TEST_CASE("zero window: no probe while there is nothing to send", "[3.8.6.1]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1 win 0");
  t.silence(1h);
}

TEST_CASE("zero window: probes that are answered keep the connection for hours", "[3.8.6.1][MUST-37][MAY-8]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1 win 0");
  t.write(100);
  int probes = 0;
  const Instant begin = t.now();
  while (t.now() - begin < 3h) {
    t.advance(30s);
    t.ignore_sent();
    t.inject(".  1:1(0) ack 1 win 0");
    ++probes;
  }
  t.state(State::established);
  t.inject(".  1:1(0) ack 1 win 1000");
  t.expect("P. 1:101(100) ack 1");
}

TEST_CASE("zero window: probes that nobody answers end at the user timeout", "[3.8.6.1][3.8.3]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1 win 0");
  t.write(100);
  t.advance(10min);
  t.ignore_sent();
  t.state(State::closed);
  t.read_error(Error::user_timeout);
}

TEST_CASE("zero window: a window that closes over text in flight is survived", "[3.8.6][MUST-35][SHLD-17]") {
  Scenario t;
  t.establish();
  t.write(2920);
  t.expect(".  1:1461(1460) ack 1");
  t.expect("P. 1461:2921(1460) ack 1");
  t.inject(".  1:1(0) ack 1461 win 0");
  for (int i = 0; i < 20; ++i) {
    t.advance(20s);
    t.ignore_sent();
    t.inject(".  1:1(0) ack 1461 win 0");
  }
  t.state(State::established);
  t.inject(".  1:1(0) ack 1461 win 65535");
  t.advance(2min);
  t.expect("P. 1461:2921(1460) ack 1");
  t.inject(".  1:1(0) ack 2921");
  t.ignore_sent();
  CHECK(t.stream().info().in_flight == 0);
}

TEST_CASE("zero window: of what a window that shrank has left behind, only what it has room for is sent again",
          "[3.8.6][SHLD-15][SHLD-16]") {
  Scenario t;
  t.establish("<mss 1000>");
  t.write(3000);
  t.expect(".  1:1001(1000) ack 1");
  t.expect(".  1001:2001(1000) ack 1");
  t.expect("P. 2001:3001(1000) ack 1");
  t.inject(".  1:1(0) ack 1 win 1000");
  t.write(1000);
  t.silence();
  t.expect_after(200ms, ".  1:1001(1000) ack 1");
  t.inject(".  1:1(0) ack 1001 win 1000");
  t.expect(".  1001:2001(1000) ack 1");
  t.inject(".  1:1(0) ack 2001 win 1000");
  t.expect("P. 2001:3001(1000) ack 1");
  t.inject(".  1:1(0) ack 3001 win 1000");
  t.expect("P. 3001:4001(1000) ack 1");
}

TEST_CASE("zero window: a window too small to be worth it is used after the override", "[3.8.6.2.1]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1 win 100");
  t.write(3000);
  t.silence();
  t.expect_after(200ms, ".  1:101(100) ack 1");
}

TEST_CASE("receiver: the window closes, and opens again only by a worthwhile step", "[3.8.6.2.2][MUST-39][SHLD-14]") {
  Scenario t{[](Config& config) {
    config.tcp.receive_buffer = 4000;
    config.tcp.quick_acks = 0;
  }};
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1 win 4000");
  t.inject(".  1:1(0) ack 1");
  t.inject(".  1:1461(1460) ack 1");
  t.inject(".  1461:2921(1460) ack 1");
  t.expect(".  1:1(0) ack 2921 win 1080");
  t.inject("P. 2921:4001(1080) ack 1");
  t.expect_after(40ms, ".  1:1(0) ack 4001 win 0");
  t.read(1000);
  t.silence();  // less than a segment
  t.read(459);
  t.silence();
  t.read(1);
  t.expect(".  1:1(0) ack 4001 win 1460");
  t.read(2540);
  t.expect(".  1:1(0) ack 4001 win 4000");
  t.silence();
}

TEST_CASE("receiver: half of a small buffer is a worthwhile step too", "[3.8.6.2.2][MUST-39]") {
  Scenario t{[](Config& config) {
    config.tcp.receive_buffer = 1000;
    config.tcp.quick_acks = 0;
  }};
  t.establish();
  t.inject("P. 1:1001(1000) ack 1");
  t.expect_after(40ms, ".  1:1(0) ack 1001 win 0");
  t.read(499);
  t.silence();
  t.read(1);
  t.expect(".  1:1(0) ack 1001 win 500");
}

TEST_CASE("receiver: a closed window answers probes of every kind", "[3.8.6.1]") {
  Scenario t{[](Config& config) {
    config.tcp.receive_buffer = 1000;
    config.tcp.quick_acks = 0;
  }};
  t.establish();
  t.inject("P. 1:1001(1000) ack 1");
  t.expect_after(40ms, ".  1:1(0) ack 1001 win 0");
  t.advance(1s);
  // An octet of new text, an empty segment with an old number, an octet of old text.
  t.inject(GENERATE(as<std::string>{}, ".  1001:1002(1) ack 1", ".  1000:1000(0) ack 1", ".  1000:1001(1) ack 1"));
  t.expect(".  1:1(0) ack 1001 win 0");
}

}  // namespace
}  // namespace backstop::test
