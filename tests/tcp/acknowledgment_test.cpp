// The fifth step of SEGMENT ARRIVES (RFC 9293 section 3.10.7.4): acknowledgments and the send window.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("fifth step: a segment without ACK is dropped", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.inject("P  1:11(10)");
  t.inject("F  1:1(0)");
  t.silence();
  t.state(State::established);
  CHECK(t.stream().info().unread == 0);
}

TEST_CASE("fifth step: an acknowledgment frees what it covers, and tells the writer", "[3.10.7.4]") {
  Scenario t{[](Config& config) {
    config.tcp.send_buffer = 4096;
    config.tcp.no_delay = true;
  }};
  t.establish();
  t.write(4096);
  std::array<std::byte, 1> octet{};
  CHECK(t.stream().write(octet).error() == Error::would_block);
  t.news();
  t.expect(".  1:1461(1460) ack 1");
  t.expect(".  1461:2921(1460) ack 1");
  t.expect("P. 2921:4097(1176) ack 1");
  t.silence();
  t.inject(".  1:1(0) ack 1461");
  CHECK(t.news().writable);
  CHECK(t.stream().info().bytes_acked == 1460);
  t.write(1460);
  t.inject(".  1:1(0) ack 4097");
  t.expect("P. 4097:5557(1460) ack 1");
  t.inject(".  1:1(0) ack 5557");
  CHECK(t.stream().info().in_flight == 0);
  t.silence(10s);
}

TEST_CASE("fifth step: an acknowledgment of what was never sent is answered with an ACK and dropped", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.inject("P. 1:11(10) ack 102");
  t.expect(".  101:101(0) ack 1");
  t.silence();
  CHECK(t.stream().info().unread == 0);
  CHECK(t.stream().info().in_flight == 100);
}

TEST_CASE("fifth step: a very old acknowledgment is challenged, an old one is not", "[3.10.7.4][MAY-12][RFC5961]") {
  Scenario t;
  t.establish();
  SECTION("older than any window the peer ever offered") {
    t.inject("P. 1:11(10) ack -65535");
    t.expect(".  1:1(0) ack 1");
    CHECK(t.stream().info().unread == 0);
  }
  SECTION("within that") {
    t.inject("P. 1:11(10) ack -65534");
    t.expect(".  1:1(0) ack 11");
    CHECK(t.stream().info().unread == 10);
  }
  t.silence();
}

TEST_CASE("fifth step: an old duplicate does not change the send window (WL1, WL2)", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.inject("P. 1:11(10) ack 1 win 5000");
  t.expect(".  1:1(0) ack 11");
  CHECK(t.stream().info().send_window == 5000);
  SECTION("an older SEG.SEQ") {
    t.inject("P. 21:31(10) ack 1 win 4000");
    CHECK(t.stream().info().send_window == 4000);
    t.inject("P. 11:21(10) ack 1 win 9000");  // sent before the last one, and overtaken
    CHECK(t.stream().info().send_window == 4000);
  }
  SECTION("an older SEG.SEQ with a new SEG.ACK: a retransmission, whose window is the newest") {
    t.inject("P. 21:31(10) ack 1 win 8000");
    t.expect(".  1:1(0) ack 11");
    t.write(1000);
    t.expect("P. 1:1001(1000) ack 11");
    t.inject("P. 11:21(10) ack 1001 win 7000");
    CHECK(t.stream().info().send_window == 7000);
  }
  SECTION("the same SEG.SEQ and SEG.ACK: a window update") {
    t.inject(".  11:11(0) ack 1 win 6000");
    CHECK(t.stream().info().send_window == 6000);
    t.inject(".  11:11(0) ack 1 win 4000");
    CHECK(t.stream().info().send_window == 4000);
  }
  SECTION("the same SEG.SEQ and an older SEG.ACK") {
    t.write(10);
    t.expect("P. 1:11(10) ack 11");
    t.inject(".  11:11(0) ack 11 win 6000");
    t.inject(".  11:11(0) ack 1 win 8000");
    CHECK(t.stream().info().send_window == 6000);
  }
}

TEST_CASE("fifth step: the sender fills the window and no more", "[3.8.6]") {
  Scenario t{[](Config& config) { config.tcp.no_delay = true; }};
  t.establish();
  t.inject(".  1:1(0) ack 1 win 3000");
  t.write(5000);
  t.expect(".  1:1461(1460) ack 1");
  t.expect(".  1461:2921(1460) ack 1");
  t.silence();  // 79 octets more would fit, and would be a silly segment
  t.inject(".  1:1(0) ack 2921 win 3000");
  t.expect(".  2921:4381(1460) ack 1");
  t.expect("P. 4381:5001(620) ack 1");
}

TEST_CASE("fifth step: a window that shrinks is survived", "[3.8.6][MUST-34][SHLD-15]") {
  Scenario t;
  t.establish();
  t.write(2920);
  t.expect(".  1:1461(1460) ack 1");
  t.expect("P. 1461:2921(1460) ack 1");
  t.inject(".  1:1(0) ack 1 win 1000");  // SND.UNA + SND.WND < SND.NXT
  t.write(1460);
  t.silence();
  t.inject(".  1:1(0) ack 2921 win 65535");
  t.expect("P. 2921:4381(1460) ack 1");
}

}  // namespace
}  // namespace backstop::test
