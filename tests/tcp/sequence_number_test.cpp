// The first step of SEGMENT ARRIVES (RFC 9293 section 3.10.7.4): which sequence numbers are acceptable, and what is
// trimmed off a segment that is only partly so. Table 6 has four cases, by SEG.LEN and RCV.WND.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

void small_buffer(Config& config) {
  config.tcp.receive_buffer = 1000;
  config.tcp.quick_acks = 0;
}

TEST_CASE("first step: an old or future segment is acknowledged and dropped", "[3.10.7.4]") {
  Scenario t{small_buffer};
  t.establish();
  SECTION("wholly old text") {
    t.inject("P. -99:1(100) ack 1");
    t.expect(".  1:1(0) ack 1");
  }
  SECTION("text behind the window") {
    t.inject("P. 1001:1101(100) ack 1");
    t.expect(".  1:1(0) ack 1");
  }
  SECTION("an empty segment before the window") {
    t.inject(".  0:0(0) ack 1");
    t.expect(".  1:1(0) ack 1");
  }
  SECTION("an empty segment behind the window") {
    t.inject(".  1002:1002(0) ack 1");
    t.expect(".  1:1(0) ack 1");
  }
  SECTION("a FIN behind the window") {
    t.inject("F. 1001:1001(0) ack 1");
    t.expect(".  1:1(0) ack 1");
  }
  t.silence();
  CHECK(t.stream().info().unread == 0);
  t.state(State::established);
}

TEST_CASE("first step: the last number of the window is acceptable", "[3.10.7.4]") {
  Scenario t{small_buffer};
  t.establish("<mss 1460,sackOK>");
  t.inject("P. 1000:1001(1) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 1000:1001>");
  t.inject(".  1000:1000(0) ack 1");
  t.silence();
}

TEST_CASE("first step: the peer that has filled our window but for a lost segment can still acknowledge",
          "[3.10.7.4]") {
  Scenario t{small_buffer};
  t.establish();
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.inject(".  501:1001(500) ack 1");
  t.expect(".  101:101(0) ack 1");
  t.inject(".  1001:1001(0) ack 101");
  t.silence();
  CHECK(t.stream().info().bytes_acked == 100);
  t.inject("R  1001:1001(0)");  // a RST there is outside the window all the same
  t.silence();
  t.state(State::established);
}

TEST_CASE("first step: empty segments without cause are acknowledged twice a second at most, text always",
          "[3.10.7.4]") {
  Scenario t{small_buffer};
  t.establish();
  t.inject(".  0:0(0) ack 1");
  t.expect(".  1:1(0) ack 1");
  t.inject(".  0:0(0) ack 1");
  t.silence();
  t.inject("P. -9:1(10) ack 1");
  t.expect(".  1:1(0) ack 1");
  t.advance(500ms);
  t.inject(".  0:0(0) ack 1");
  t.expect(".  1:1(0) ack 1");
}

TEST_CASE("first step: text that begins before the window is trimmed, and the rest counts", "[3.10.7.4]") {
  Scenario t{small_buffer};
  t.establish();
  t.inject("P. 1:101(100) ack 1");
  t.inject("P. 51:151(100) ack 1");
  t.advance(40ms);
  t.expect(".  1:1(0) ack 151");
  t.read(150);
}

TEST_CASE("first step: text that reaches beyond the window is cut there, its FIN with it", "[3.10.7.4]") {
  Scenario t{small_buffer};
  t.establish();
  t.inject("FP. 1:1101(1100) ack 1");
  t.expect(".  1:1(0) ack 1001 win 0");
  t.silence();
  t.state(State::established);
  t.read(1000);
}

TEST_CASE("first step: with the window closed, only the expected number is acceptable, and no text", "[3.10.7.4]") {
  Scenario t{small_buffer};
  t.establish();
  t.inject("P. 1:1001(1000) ack 1");
  t.advance(40ms);
  t.expect(".  1:1(0) ack 1001 win 0");
  SECTION("an empty segment there: acceptable, nothing to say") {
    t.inject(".  1001:1001(0) ack 1");
    t.silence();
  }
  SECTION("an empty segment elsewhere") {
    t.inject(".  1000:1000(0) ack 1");
    t.expect(".  1:1(0) ack 1001 win 0");
  }
  SECTION("text there: refused, and told so") {
    t.inject("P. 1001:1002(1) ack 1");
    t.expect(".  1:1(0) ack 1001 win 0");
  }
  t.silence();
  CHECK(t.stream().info().unread == 1000);
}

TEST_CASE("first step: ACK and RST count even when the window is closed", "[3.4][MUST-66]") {
  Scenario t{small_buffer};
  t.establish();
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.inject(".  1:1001(1000) ack 1");
  t.advance(40ms);
  t.expect(".  101:101(0) ack 1001 win 0");
  SECTION("the ACK in a segment whose text does not fit") {
    t.inject("P. 1001:1101(100) ack 101");
    t.expect(".  101:101(0) ack 1001 win 0");
    CHECK(t.stream().info().bytes_acked == 100);
  }
  SECTION("RST") {
    t.inject("R  1001:1001(0)");
    t.state(State::closed);
    t.read_error(Error::connection_reset);
  }
}

TEST_CASE("first step: an old duplicate by its timestamp is acknowledged and dropped", "[3.10.7.4][RFC7323]") {
  Scenario t;
  t.establish("<mss 1460,sackOK,TS val 1000 ecr 0>");
  t.inject("P. 1:101(100) ack 1 <nop,nop,TS val 1010>");
  t.expect(".  1:1(0) ack 101 <nop,nop,TS ecr 1010>");
  t.inject("P. 101:201(100) ack 1 <nop,nop,TS val 1009>");
  t.expect(".  1:1(0) ack 101 <nop,nop,TS ecr 1010>");
  t.silence();
  CHECK(t.stream().info().unread == 100);
  t.inject("P. 101:201(100) ack 1 <nop,nop,TS val 1010>");
  t.expect(".  1:1(0) ack 201 <nop,nop,TS ecr 1010>");
}

}  // namespace
}  // namespace backstop::test
