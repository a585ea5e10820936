// Keep-alive (RFC 9293 section 3.8.4).
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

void keep_alive(Config& config) { config.tcp.keep_alive = true; }

TEST_CASE("keep-alive: off by default", "[3.8.4][MUST-25]") {
  Scenario t;
  t.establish();
  t.silence(100h);
  t.state(State::established);
}

TEST_CASE("keep-alive: a probe without text after two hours of silence",
          "[3.8.4][MAY-5][MUST-24][MUST-26][MUST-28][SHLD-12]") {
  Scenario t{keep_alive};
  t.establish();
  t.silence(2h - 1ns);
  t.advance(1ns);
  t.expect(".  0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  t.silence(2h - 1ns);
  t.advance(1ns);
  t.expect(".  0:0(0) ack 1");
}

TEST_CASE("keep-alive: one unanswered probe proves nothing, many do", "[3.8.4][MUST-29]") {
  Scenario t{[](Config& config) {
    config.tcp.keep_alive = true;
    config.tcp.keep_alive_idle = 10s;
    config.tcp.keep_alive_interval = 1s;
    config.tcp.keep_alive_probes = 3;
  }};
  t.establish();
  t.expect_after(10s, ".  0:0(0) ack 1");
  t.expect_after(1s, ".  0:0(0) ack 1");
  t.state(State::established);
  t.expect_after(1s, ".  0:0(0) ack 1");
  t.advance(1s);
  t.ignore_sent();
  t.state(State::closed);
  t.read_error(Error::user_timeout);
}

TEST_CASE("keep-alive: the interval is configurable, and traffic puts it off", "[3.8.4][MUST-27]") {
  Scenario t{[](Config& config) {
    config.tcp.keep_alive = true;
    config.tcp.keep_alive_idle = 10s;
  }};
  t.establish();
  t.advance(9s);
  t.inject("P. 1:11(10) ack 1");
  t.expect(".  1:1(0) ack 11");
  t.silence(9s);
  t.advance(1s);
  t.expect(".  0:0(0) ack 11");
}

TEST_CASE("keep-alive: no probe while text is outstanding", "[3.8.4][MUST-26]") {
  Scenario t{[](Config& config) {
    config.tcp.keep_alive = true;
    config.tcp.keep_alive_idle = 1s;
  }};
  t.establish();
  t.write(10);
  t.expect("P. 1:11(10) ack 1");
  for (int timeout = 0; timeout < 5; ++timeout) t.expect_after(200ms * (1 << timeout), "P. 1:11(10) ack 1");
}

TEST_CASE("keep-alive: no probe beside those of a closed window, which have the user timeout", "[3.8.4][3.8.6.1]") {
  Scenario t{[](Config& config) {
    config.tcp.keep_alive = true;
    config.tcp.keep_alive_idle = 1s;
    config.tcp.keep_alive_interval = 1s;
    config.tcp.keep_alive_probes = 2;
  }};
  t.establish();
  t.inject(".  1:1(0) ack 1 win 0");
  t.write(10);
  for (int timeout = 0; timeout < 6; ++timeout) t.expect_after(200ms * (1 << timeout), ".  0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1 win 65535");
  t.expect("P. 1:11(10) ack 1");
}

TEST_CASE("keep-alive: we answer the peer's probes, with and without an octet of old text", "[3.8.4][MAY-6]") {
  Scenario t;
  t.establish();
  t.inject("P. 1:11(10) ack 1");
  t.expect(".  1:1(0) ack 11");
  t.advance(2h);
  t.inject(".  10:10(0) ack 1");
  t.expect(".  1:1(0) ack 11");
  t.advance(75s);
  t.inject(".  10:11(1) ack 1");
  t.expect(".  1:1(0) ack 11");
}

}  // namespace
}  // namespace backstop::test
