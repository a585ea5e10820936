// The receive window grows with what the user reads in a round trip (stack/tcp/right_sizing.hpp), and never shrinks.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

// A connection with a round trip of 100 ms, whose peer has used 60,000 octets of its first window.
void receive(Scenario& t) {
  t.inject("S  0:0(0) win 65535 <mss 1000,nop,wscale 7>");
  t.expect("S. 0:0(0) ack 1 win 65535");
  t.advance(100ms);
  t.inject(".  1:1(0) ack 1");
  for (std::uint32_t at = 1; at < 60'000; at += 1000) {
    t.inject(".  " + notation::format_range(at, 1000) + " ack 1");
  }
  t.ignore_sent();
}

TEST_CASE("right-sizing: a user who reads all that comes is given four times that", "[3.8.6]") {
  Scenario t;
  receive(t);
  CHECK(t.stream().info().receive_window < 6000);
  t.advance(100ms);
  t.read(60'000);
  t.expect(".  1:1(0) ack 60001 win 7500");  // 240,000 octets, in units of 32, told at once
  t.silence();
}

TEST_CASE("right-sizing: a user who reads slowly holds no more than the first window", "[3.8.6]") {
  Scenario t;
  receive(t);
  for (int round = 0; round < 60; ++round) {
    t.advance(100ms);
    t.read(1000);
  }
  t.ignore_sent();
  CHECK(t.stream().info().receive_window <= 65'535);
}

TEST_CASE("right-sizing: what was read in ten round trips is not taken for one", "[3.8.6]") {
  Scenario t;
  receive(t);
  t.advance(1s);
  t.read(60'000);
  t.ignore_sent();
  CHECK(t.stream().info().receive_window <= 65'535);
}

TEST_CASE("right-sizing: the connection's buffer is the limit", "[3.8.6]") {
  Scenario t{[](Config& config) { config.tcp.receive_buffer = 100'000; }};
  receive(t);
  t.advance(100ms);
  t.read(60'000);
  t.ignore_sent();
  CHECK(t.stream().info().receive_window <= 100'000);
  CHECK(t.stream().info().receive_window > 90'000);
}

TEST_CASE("right-sizing: it goes on from round to round, and the window never shrinks", "[3.8.6][SHLD-14]") {
  Scenario t;
  receive(t);
  std::uint32_t at = 60'001;
  for (int round = 0; round < 6; ++round) {
    t.advance(100ms);
    t.read(t.stream().info().unread);
    t.ignore_sent();
    const std::uint32_t window = t.stream().info().receive_window;
    for (std::uint32_t sent = 0; sent + 1000 <= window && sent < 500'000; sent += 1000, at += 1000) {
      t.inject(".  " + notation::format_range(at, 1000) + " ack 1");
    }
    t.ignore_sent();
  }
  t.advance(100ms);
  t.read(t.stream().info().unread);
  t.ignore_sent();
  CHECK(t.stream().info().receive_window > 500'000);
}

TEST_CASE("receiver: a window that can be twice as large is told at once, a smaller step waits",
          "[3.8.6.2.2][MUST-39]") {
  Scenario t{[](Config& config) {
    config.tcp.receive_buffer = 10'000;
    config.tcp.quick_acks = 0;
  }};
  t.establish("<mss 1000>");
  for (std::uint32_t at = 1; at < 6000; at += 1000) t.inject(".  " + notation::format_range(at, 1000) + " ack 1");
  t.ignore_sent();
  CHECK(t.stream().info().receive_window == 4000);
  t.read(3000);
  t.silence();
  t.read(1000);
  t.expect(".  1:1(0) ack 6001 win 8000");
}

TEST_CASE("receiver: small segments use the window up octet by octet, and it is not told for each that is read",
          "[3.8.6.2.2][MUST-39]") {
  Scenario t;
  t.establish();
  for (std::uint32_t at = 1; at <= 5; ++at) {
    t.inject("P. " + notation::format_range(at, 1) + " ack 1");
    t.expect(".  1:1(0) ack " + std::to_string(at + 1) + " win " + std::to_string(65'535 - at));
    t.read(1);
    t.silence();
  }
}

}  // namespace
}  // namespace backstop::test
