// CLOSE and ABORT (RFC 9293 sections 3.6, 3.10.4 and 3.10.5; RFC 2525 section 2.17): half-closed connections, unread
// text, and users who have gone.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("CLOSE: what was written is sent first, the FIN behind it", "[3.10.4]") {
  Scenario t;
  t.establish();
  t.write(2000);
  t.close();
  t.expect(".  1:1461(1460) ack 1");
  t.expect("FP. 1461:2001(540) ack 1");
  t.state(State::fin_wait_1);
  t.inject(".  1:1(0) ack 1461");
  t.state(State::fin_wait_1);
  t.inject(".  1:1(0) ack 2002");
  t.state(State::fin_wait_2);
}

TEST_CASE("CLOSE: the FIN waits for the peer's window with the text", "[3.10.4]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1 win 1000");
  t.write(1500);
  t.close();
  t.ignore_sent();
  t.advance(200ms);
  t.expect(".  1:1001(1000) ack 1");
  t.silence();
  t.inject(".  1:1(0) ack 1001 win 1000");
  t.expect("FP. 1001:1501(500) ack 1");
}

TEST_CASE("CLOSE: a FIN needs no window", "[3.10.4]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1 win 0");
  t.close();
  t.expect("F. 1:1(0) ack 1");
}

TEST_CASE("CLOSE: half-closed, the peer may go on sending and we reading", "[3.6.1]") {
  Scenario t;
  t.establish();
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("P. 1:101(100) ack 1");  // FIN-WAIT-1
  t.expect(".  2:2(0) ack 101");
  t.inject("P. 101:201(100) ack 2");  // FIN-WAIT-2
  t.expect(".  2:2(0) ack 201");
  t.state(State::fin_wait_2);
  t.advance(1h);  // as long as the user holds on, so does the connection
  t.state(State::fin_wait_2);
  t.inject("FP. 201:301(100) ack 2");
  t.expect(".  2:2(0) ack 302");
  t.state(State::time_wait);
  t.read(300);
  t.read_end();
}

TEST_CASE("CLOSE: half-closed by the peer, we may go on sending", "[3.6.1]") {
  Scenario t;
  t.establish();
  t.inject("F. 1:1(0) ack 1");
  t.expect(".  1:1(0) ack 2");
  t.read_end();
  t.write(100);
  t.expect("P. 1:101(100) ack 2");
  t.inject(".  2:2(0) ack 101");
  t.advance(1h);
  t.state(State::close_wait);
  t.close();
  t.expect("F. 101:101(0) ack 2");
  t.inject(".  2:2(0) ack 102");
  t.state(State::closed);
}

TEST_CASE("CLOSE: a FIN that also acknowledges ours ends in TIME-WAIT", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("F. 1:1(0) ack 2");
  t.expect(".  2:2(0) ack 2");
  t.state(State::time_wait);
}

TEST_CASE("CLOSE: afterwards writing and closing again are errors, reading is not", "[3.10.2][3.10.4]") {
  Scenario t;
  t.establish();
  t.close();
  std::array<std::byte, 1> octet{};
  CHECK(t.stream().write(octet).error() == Error::connection_closing);
  CHECK(t.stream().close().error() == Error::connection_closing);
  CHECK(t.stream().read(octet).error() == Error::would_block);
}

TEST_CASE("CLOSE: text after our user has gone is answered with RST", "[3.6.1][SHLD-3][MAY-1]") {
  Scenario t;
  t.establish();
  t.drop_stream();
  t.expect("F. 1:1(0) ack 1");
  SECTION("in FIN-WAIT-1") {
    t.inject("P. 1:11(10) ack 1");
    t.expect("R  1:1(0)");  // FIN may be lost: this is the number that the peer takes a RST with
  }
  SECTION("in FIN-WAIT-2") {
    t.inject(".  1:1(0) ack 2");
    t.inject("P. 1:11(10) ack 2");
    t.expect("R  2:2(0)");
  }
  t.silence();
  CHECK(t.stack().connections() == 0);
}

TEST_CASE("CLOSE: a handle let go with text unread resets, RFC 2525", "[3.6.1][SHLD-3]") {
  Scenario t;
  t.establish();
  t.inject("P. 1:101(100) ack 1");
  t.expect(".  1:1(0) ack 101");
  SECTION("unread") {
    t.drop_stream();
    t.expect("R. 1:1(0) ack 101");
    CHECK(t.stack().connections() == 0);
  }
  SECTION("read") {
    t.read(100);
    t.drop_stream();
    t.expect("F. 1:1(0) ack 101");
  }
  t.silence();
}

TEST_CASE("CLOSE: FIN-WAIT-2 without a user does not last for ever", "[3.6]") {
  Scenario t;
  t.establish();
  t.drop_stream();
  t.expect("F. 1:1(0) ack 1");
  t.inject(".  1:1(0) ack 2");
  t.silence(59s);
  CHECK(t.stack().connections() == 1);
  t.silence(2s);
  CHECK(t.stack().connections() == 0);
  t.inject("F. 1:1(0) ack 2");
  t.expect("R  2:2(0)");
}

TEST_CASE("ABORT: a RST goes out, queued text does not, in every state that has a peer", "[3.10.5]") {
  Scenario t;
  t.establish();
  std::string_view reset = "R. 1:1(0) ack 1";
  SECTION("ESTABLISHED") { t.state(State::established); }
  SECTION("ESTABLISHED, with text in flight and text queued") {
    t.write(100);
    t.expect("P. 1:101(100) ack 1");
    t.write(1500);
    t.expect(".  101:1561(1460) ack 1");
    t.silence();
    reset = "R. 1561:1561(0) ack 1";
  }
  SECTION("FIN-WAIT-1") {
    t.close();
    t.expect("F. 1:1(0) ack 1");
    reset = "R. 2:2(0) ack 1";
  }
  SECTION("FIN-WAIT-2") {
    t.close();
    t.expect("F. 1:1(0) ack 1");
    t.inject(".  1:1(0) ack 2");
    reset = "R. 2:2(0) ack 1";
  }
  SECTION("CLOSE-WAIT") {
    t.inject("F. 1:1(0) ack 1");
    t.expect(".  1:1(0) ack 2");
    reset = "R. 1:1(0) ack 2";
  }
  t.abort();
  t.expect(reset);
  t.silence();
  t.state(State::closed);
  t.read_error(Error::connection_aborted);
  CHECK(t.stack().blocks_in_use() == 0);
  t.silence(5min);
}

TEST_CASE("ABORT: nothing is sent from SYN-SENT and TIME-WAIT", "[3.10.5]") {
  Scenario t;
  SECTION("SYN-SENT") {
    t.connect();
    t.expect("S  0:0(0)");
  }
  SECTION("TIME-WAIT") {
    t.establish();
    t.close();
    t.expect("F. 1:1(0) ack 1");
    t.inject("F. 1:1(0) ack 2");
    t.expect(".  2:2(0) ack 2");
  }
  t.abort();
  t.silence(5min);
  t.state(State::closed);
}

}  // namespace
}  // namespace backstop::test
