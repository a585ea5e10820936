// SEGMENT ARRIVES in the state SYN-RECEIVED (RFC 9293 section 3.10.7.4).
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

void half_open(Scenario& t) {
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
}

TEST_CASE("SYN-RECEIVED: an ACK of anything but the SYN is answered with RST", "[3.10.7.4]") {
  Scenario t;
  half_open(t);
  SECTION("before it") {
    t.inject(".  1:1(0) ack 0");
    t.expect("R  0:0(0)");
  }
  SECTION("behind it") {
    t.inject(".  1:1(0) ack 2");
    t.expect("R  2:2(0)");
  }
  t.silence();
  t.inject(".  1:1(0) ack 1");  // and the right one still completes the handshake
  CHECK(t.accept().state() == State::established);
}

TEST_CASE("SYN-RECEIVED: the SYN,ACK is sent again, at once for a SYN that comes again, else after the RTO",
          "[3.10.7.4][MUST-22]") {
  Scenario t;
  half_open(t);
  SECTION("the peer's SYN again") {
    t.advance(100ms);
    t.inject("S  0:0(0) win 65535 <mss 1460>");
    t.expect("S. 0:0(0) ack 1");
    t.silence();
  }
  SECTION("the timer") {
    t.expect_after(1s, "S. 0:0(0) ack 1");
    t.expect_after(2s, "S. 0:0(0) ack 1");
    t.expect_after(4s, "S. 0:0(0) ack 1");
  }
  CHECK(t.stack().connections() == 1);
  t.inject(".  1:1(0) ack 1");
  CHECK(t.accept().state() == State::established);
}

TEST_CASE("SYN-RECEIVED, passive: a RST with the exact number returns to LISTEN, in silence", "[3.10.7.4][MUST-11]") {
  Scenario t;
  half_open(t);
  t.inject("R  1:1(0)");
  t.silence();
  CHECK(t.stack().connections() == 0);
  CHECK(t.listener().accept().error() == Error::would_block);
  t.inject(".  1:1(0) ack 1");  // the connection is gone: the listener answers
  t.expect("R  1:1(0)");
  half_open(t);
}

TEST_CASE("SYN-RECEIVED, active: a RST refuses the connection", "[3.10.7.4][MUST-11]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
  t.inject("R  1:1(0)");
  t.silence();
  t.state(State::closed);
  t.read_error(Error::connection_refused);
}

TEST_CASE("SYN-RECEIVED: a RST elsewhere in the window is challenged, one outside dropped", "[3.10.7.4]") {
  Scenario t;
  half_open(t);
  SECTION("inside") {
    t.inject("R  2:2(0)");
    t.expect(".  1:1(0) ack 1");
  }
  SECTION("outside") {
    t.inject("R  70000:70000(0)");
    t.silence();
  }
  t.silence();
  CHECK(t.stack().connections() == 1);
}

TEST_CASE("SYN-RECEIVED: a segment without ACK is dropped", "[3.10.7.4]") {
  Scenario t;
  half_open(t);
  t.inject("P  1:11(10)");
  t.silence();
  CHECK(t.listener().accept().error() == Error::would_block);
}

TEST_CASE("SYN-RECEIVED: text with the ACK, and text before it, is delivered", "[3.10.7.4]") {
  Scenario t;
  half_open(t);
  SECTION("the ACK carries text") {
    t.inject("P. 1:101(100) ack 1");
    t.expect(".  1:1(0) ack 101");
  }
  SECTION("the ACK was lost, the first text completes the handshake, and the FIN is there too") {
    t.inject("FP. 1:101(100) ack 1");
    t.expect(".  1:1(0) ack 102");
    t.state(State::close_wait);
  }
  t.read(100);
}

TEST_CASE("SYN-RECEIVED: the handshake's ACK alone may be a FIN", "[3.10.7.4]") {
  Scenario t;
  half_open(t);
  t.inject("F. 1:1(0) ack 1");
  t.expect(".  1:1(0) ack 2");
  t.state(State::close_wait);
  t.read_end();
}

TEST_CASE("SYN-RECEIVED: the window of the ACK counts, also one above 0x7fff", "[3.10.7.4][MUST-1]") {
  Scenario t;
  t.inject("S  0:0(0) win 0 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1 win 32768");
  t.write(1000);
  t.expect("P. 1:1001(1000) ack 1");
  CHECK(t.stream().info().send_window == 32'768);
}

TEST_CASE("SYN-RECEIVED: ICMP errors are hints, and the handshake goes on", "[3.9.2.2][MUST-54][MUST-56]") {
  Scenario t;
  half_open(t);
  t.inject(GENERATE(as<std::string>{}, "icmp: host unreachable [seq 0]", "icmp: tcp port 40000 unreachable [seq 0]",
                    "icmp: time exceeded in-transit [seq 0]"));
  t.silence();
  CHECK(t.stack().connections() == 1);
  t.inject(".  1:1(0) ack 1");
  CHECK(t.accept().state() == State::established);
}

TEST_CASE("SYN-RECEIVED: a user who connected may write and close before the handshake ends", "[3.10.4]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.write(100);
  t.close();
  t.silence();
  t.inject(".  1:1(0) ack 1");
  t.expect("FP. 1:101(100) ack 1");
  t.state(State::fin_wait_1);
}

}  // namespace
}  // namespace backstop::test
