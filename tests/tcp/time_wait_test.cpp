// TIME-WAIT (RFC 9293 section 3.6.1 and 3.10.8): 2 MSL, what restarts it, and what may open the connection anew.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

void to_time_wait(Scenario& t, std::string_view syn_options = "<mss 1460>") {
  t.establish(syn_options);
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("F. 1:1(0) ack 2");
  t.expect(".  2:2(0) ack 2");
  t.state(State::time_wait);
}

TEST_CASE("TIME-WAIT: it lasts 2 MSL, whatever MSL is", "[3.6.1][3.10.8][MUST-13]") {
  Scenario t{[](Config& config) { config.tcp.msl = 2min; }};
  to_time_wait(t);
  t.silence(4min - 1ns);
  t.state(State::time_wait);
  t.silence(1ns);
  t.state(State::closed);
}

TEST_CASE("TIME-WAIT: it outlives its handle, and then the slot is free", "[3.6.1]") {
  Scenario t;
  to_time_wait(t);
  t.drop_stream();
  CHECK(t.stack().connections() == 1);
  t.silence(59s);
  CHECK(t.stack().connections() == 1);
  t.silence(1s);
  CHECK(t.stack().connections() == 0);
}

TEST_CASE("TIME-WAIT: keep-alive has no part in it", "[3.6.1][3.8.4]") {
  Scenario t{[](Config& config) {
    config.tcp.keep_alive = true;
    config.tcp.keep_alive_idle = 5s;
    config.tcp.keep_alive_interval = 1s;
    config.tcp.keep_alive_probes = 2;
  }};
  to_time_wait(t);
  t.drop_stream();
  t.silence(60s - 1ns);
  CHECK(t.stack().connections() == 1);
  t.silence(1ns);
  CHECK(t.stack().connections() == 0);
}

TEST_CASE("TIME-WAIT: the peer's FIN again is acknowledged and restarts the wait", "[3.10.7.4]") {
  Scenario t;
  to_time_wait(t);
  t.advance(50s);
  t.inject("F. 1:1(0) ack 2");
  t.expect(".  2:2(0) ack 2");
  t.silence(59s);
  t.state(State::time_wait);
  t.silence(1s);
  t.state(State::closed);
}

TEST_CASE("TIME-WAIT: anything else that is old is acknowledged and restarts nothing", "[3.10.7.4]") {
  Scenario t;
  to_time_wait(t);
  t.advance(50s);
  t.inject("P. -9:1(10) ack 2");
  t.expect(".  2:2(0) ack 2");
  t.silence(10s);
  t.state(State::closed);
}

TEST_CASE("TIME-WAIT: a segment without ACK is dropped, a FIN too", "[3.10.7.4]") {
  Scenario t;
  to_time_wait(t);
  t.advance(50s);
  t.inject("F  2:2(0)");
  t.silence(10s);
  t.state(State::closed);
}

TEST_CASE("TIME-WAIT: a RST with the exact number ends it", "[3.10.7.4]") {
  Scenario t;
  to_time_wait(t);
  t.inject("R  2:2(0)");
  t.silence();
  t.state(State::closed);
}

TEST_CASE("TIME-WAIT: a new SYN with a larger number opens the connection anew", "[3.6.1][MAY-2]") {
  Scenario t;
  to_time_wait(t);
  t.advance(1s);
  t.inject("S  1000:1000(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1001");
  t.inject(".  1001:1001(0) ack 1");
  Stream again = t.accept();
  CHECK(again.state() == State::established);
  t.state(State::closed);  // the old handle is not somebody else's connection
}

TEST_CASE("TIME-WAIT: the ISN of the new connection is larger than any number of the old one", "[3.6.1][MAY-2]") {
  Scenario t;
  t.inject("S  0:0(0) win 65535");
  const SeqNum first = t.expect("S. 0:0(0) ack 1").seq;
  t.inject(".  1:1(0) ack 1");
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("F. 1:1(0) ack 2");
  t.expect(".  2:2(0) ack 2");
  t.advance(1s);
  t.inject("S  1000:1000(0) win 65535");
  CHECK(t.expect("S. 0:0(0) ack 1001").seq > first + 2);
}

TEST_CASE("TIME-WAIT: an old SYN does not open it", "[3.6.1][MAY-2]") {
  Scenario t;
  to_time_wait(t);
  t.advance(1s);
  t.inject("S  -1000:-1000(0) win 65535 <mss 1460>");
  t.expect(".  2:2(0) ack 2");
  t.state(State::time_wait);
  t.inject("R  2:2(0)");  // the answer of a peer that does want to connect
  t.inject("S  -1000:-1000(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack -999");
}

TEST_CASE("TIME-WAIT: with timestamps a later one opens it, whatever the number", "[3.6.1][SHLD-4][RFC6191]") {
  Scenario t;
  to_time_wait(t, "<mss 1460,sackOK,TS val 1000 ecr 0>");
  t.advance(1s);
  SECTION("later timestamp, smaller number") {
    t.inject("S  -1000:-1000(0) win 65535 <mss 1460,sackOK,TS val 9000 ecr 0>");
    t.expect("S. 0:0(0) ack -999");
  }
  SECTION("earlier timestamp, larger number") {
    t.inject("S  1000:1000(0) win 65535 <mss 1460,sackOK,TS val 500 ecr 0>");
    t.expect(".  2:2(0) ack 2");
    t.state(State::time_wait);
  }
}

TEST_CASE("TIME-WAIT: connecting anew from our side fails, the tuple is taken", "[3.10.1]") {
  Scenario t;
  to_time_wait(t);
  const auto again = t.stack().connect(Scenario::default_remote, t.now(), {.local = Scenario::default_local});
  CHECK(again.error() == Error::connection_already_exists);
}

}  // namespace
}  // namespace backstop::test
