// The second and the fourth step of SEGMENT ARRIVES (RFC 9293 section 3.10.7.4): RST and SYN on a connection, with the
// defences of RFC 5961 that the RFC has taken in: only the exact number resets, everything else is challenged.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("second step: a RST with exactly the expected number resets", "[3.10.7.4][MUST-12]") {
  Scenario t;
  t.establish();
  std::string reset = "R  1:1(0)";
  SECTION("ESTABLISHED") {
    reset = GENERATE(as<std::string>{}, "R  1:1(0)", "R. 1:1(0) ack 1", "R  1:31(30)");  // with diagnostic text
    t.state(State::established);
  }
  SECTION("ESTABLISHED, with unread text: it is flushed") {
    t.inject("P. 1:11(10) ack 1");
    t.expect(".  1:1(0) ack 11");
    reset = "R  11:11(0)";
  }
  SECTION("FIN-WAIT-1") {
    t.close();
    t.expect("F. 1:1(0) ack 1");
  }
  SECTION("FIN-WAIT-2") {
    t.close();
    t.expect("F. 1:1(0) ack 1");
    t.inject(".  1:1(0) ack 2");
    t.state(State::fin_wait_2);
  }
  t.inject(reset);
  t.silence();
  t.state(State::closed);
  CHECK(t.news().closed);
  t.read_error(Error::connection_reset);
  std::array<std::byte, 1> octet{};
  CHECK(t.stream().write(octet).error() == Error::connection_reset);
}

TEST_CASE("second step: a RST in CLOSE-WAIT resets too", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.inject("F. 1:1(0) ack 1");
  t.expect(".  1:1(0) ack 2");
  t.inject("R  2:2(0)");
  t.state(State::closed);
  t.read_error(Error::connection_reset);
}

TEST_CASE("second step: a RST in CLOSING, LAST-ACK and TIME-WAIT only ends the connection", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  SECTION("CLOSING") {
    t.close();
    t.expect("F. 1:1(0) ack 1");
    t.inject("F. 1:1(0) ack 1");
    t.state(State::closing);
  }
  SECTION("LAST-ACK") {
    t.inject("F. 1:1(0) ack 1");
    t.expect(".  1:1(0) ack 2");
    t.close();
    t.expect("F. 1:1(0) ack 2");
    t.state(State::last_ack);
  }
  SECTION("TIME-WAIT") {
    t.close();
    t.expect("F. 1:1(0) ack 1");
    t.inject("F. 1:1(0) ack 2");
    t.state(State::time_wait);
  }
  t.ignore_sent();
  t.inject("R  2:2(0)");
  t.silence();
  t.state(State::closed);
  t.read_end();  // the peer's text had ended in order before
}

TEST_CASE("second step: a RST elsewhere in the window is challenged", "[3.10.7.4][RFC5961]") {
  Scenario t;
  t.establish();
  t.inject("R  2:2(0)");
  t.expect(".  1:1(0) ack 1");
  t.advance(500ms);
  t.inject("R  60000:60000(0)");
  t.expect(".  1:1(0) ack 1");
  t.state(State::established);
  t.inject("R  1:1(0)");  // what an honest peer sends after the challenge
  t.state(State::closed);
}

TEST_CASE("second step: a RST outside the window is dropped in silence", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.inject("R  0:0(0)");
  t.inject("R  65536:65536(0)");
  t.silence();
  t.state(State::established);
}

TEST_CASE("fourth step: a SYN, wherever it lies, is challenged", "[3.10.7.4][RFC5961]") {
  Scenario t;
  t.establish();
  // In the window, at the expected number, the handshake's again, outside the window, and a SYN,ACK.
  t.inject(GENERATE(as<std::string>{}, "S  100:100(0) win 65535", "S  1:1(0) win 65535", "S  0:0(0) win 65535",
                    "S  100000:100000(0) win 65535", "S. 5:5(0) ack 1 win 65535"));
  t.expect(".  1:1(0) ack 1");
  t.silence();
  t.state(State::established);
}

TEST_CASE("fourth step: the SYN,ACK again, because our ACK was lost, is acknowledged again", "[3.10.7.4]") {
  Scenario t;
  t.establish_actively();
  t.advance(1s);
  t.inject("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  t.expect(".  1:1(0) ack 1");
  t.silence();
}

}  // namespace
}  // namespace backstop::test
