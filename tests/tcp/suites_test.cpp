// What public packetdrill scripts showed: each case fails without the change that it led to.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

// A connection whose round trip takes `rtt`.
void establish_slowly(Scenario& t, Duration rtt, std::string_view options = "<mss 1000,sackOK>") {
  t.inject("S  0:0(0) win 65535 " + std::string{options});
  t.expect("S. 0:0(0) ack 1");
  t.advance(rtt);
  t.inject(".  1:1(0) ack 1 win 65535");
}

TEST_CASE("suites: the RTO is at least 200 ms above the round trip, however steady that is", "[RFC6298]") {
  Scenario t;
  establish_slowly(t, 100ms);
  for (std::uint32_t sent = 0; sent < 20; ++sent) {
    t.write(1000);
    t.ignore_sent();
    t.advance(100ms);
    t.inject(".  1:1(0) ack " + std::to_string(1001 + sent * 1000));
  }
  CHECK(t.stream().info().rto >= 299ms);
}

TEST_CASE("suites: a loss probe comes in place of a timeout that would be earlier", "[RFC8985]") {
  Scenario t;
  establish_slowly(t, 100ms);
  t.write(1000);
  t.expect("P. 1:1001(1000) ack 1");
  t.expect_after(300ms, "P. 1:1001(1000) ack 1");  // two round trips and 200 ms would be 400 ms
  CHECK(t.stack().statistics().retransmission_timeouts == 0);
}

TEST_CASE("suites: ECE on a SYN,ACK is an agreement, no echo of congestion", "[RFC3168]") {
  Scenario t{[](Config& config) { config.tcp.ecn = Ecn::offer; }};
  t.connect();
  t.expect("SEW 0:0(0)");
  t.inject("S.E 0:0(0) ack 1 win 65535 <mss 1000>");
  t.expect(".   1:1(0) ack 1");
  t.write(1000);
  CHECK_FALSE(t.expect("P. 1:1001(1000) ack 1").flags.has(wire::Flag::cwr));
}

TEST_CASE("suites: the window does not grow with an acknowledgment that echoes congestion", "[RFC3168]") {
  Scenario t{[](Config& config) { config.tcp.congestion = CongestionAlgorithm::new_reno; }};
  t.inject("SEW 0:0(0) win 65535 <mss 1000>");
  t.expect("S.E 0:0(0) ack 1");
  t.inject(".   1:1(0) ack 1 win 65535");
  t.stream();
  t.write(10'000);
  t.ignore_sent();
  t.inject(".E  1:1(0) ack 10001");
  CHECK(t.stream().info().congestion_window == 5000);
}

TEST_CASE("suites: a third duplicate tells of one segment, though the device cut two of one packet", "[RFC6582]") {
  Scenario t{[](Config& config) { config.segmentation_offload = 2000; }};
  establish_slowly(t, 100ms, "<mss 1000>");
  t.write(6000);
  t.ignore_sent();
  t.advance(100ms);
  for (int i = 0; i < 3; ++i) t.inject(".  1:1(0) ack 1");
  t.expect(".  1:1001(1000) ack 1");
  for (int i = 0; i < 2; ++i) t.inject(".  1:1(0) ack 1");  // room for two segments, and nothing to send
  t.silence();
}

TEST_CASE("suites: what the device cuts carries PSH, and what is sent of it again does not", "[MUST-61][SHLD-27]") {
  Scenario t{[](Config& config) { config.segmentation_offload = 2000; }};
  establish_slowly(t, 100ms, "<mss 1000>");
  t.write(5000);
  t.expect("P. 1:2001(2000) ack 1");
  t.expect("P. 2001:4001(2000) ack 1");
  t.expect("P. 4001:5001(1000) ack 1");
  t.expect_after(300ms, ".  1:1001(1000) ack 1");
}

TEST_CASE("suites: PSH stands on a segment each time it is sent, whatever was written since", "[MUST-61]") {
  Scenario t;
  establish_slowly(t, 100ms, "<mss 1000>");
  t.write(1000);
  t.expect("P. 1:1001(1000) ack 1");
  t.write(2000);
  t.ignore_sent();
  t.expect_after(300ms, "P. 1:1001(1000) ack 1");
}

TEST_CASE("suites: a small segment behind full ones does not wait for their acknowledgment", "[SHLD-7]") {
  Scenario t;
  t.establish("<mss 1000>");
  t.write(2500);
  t.expect(".  1:1001(1000) ack 1");
  t.expect(".  1001:2001(1000) ack 1");
  t.expect("P. 2001:2501(500) ack 1");
  t.write(100);
  t.silence();
}

TEST_CASE("suites: in slow start the window grows to twice of what a round trip used, and no further", "[RFC7661]") {
  Scenario t;
  establish_slowly(t, 100ms);
  const std::uint32_t written = GENERATE(5000u, 6000u);
  t.write(written);
  t.ignore_sent();
  t.advance(100ms);
  const std::uint32_t before = t.stream().info().congestion_window;
  for (std::uint32_t acked = 1000; acked <= written; acked += 1000) {
    t.inject(".  1:1(0) ack " + std::to_string(1 + acked));
  }
  CHECK(t.stream().info().congestion_window == std::max(before, 2 * written));
}

TEST_CASE("suites: a RST carries timestamps where they are in use", "[RFC7323]") {
  Scenario t;
  t.establish("<mss 1000,TS val 100 ecr 0>");
  t.advance(1s);
  t.abort();
  const auto options = t.expect("R. 1:1(0) ack 1").options;
  CHECK(options.timestamps.has_value());
}

TEST_CASE("suites: text after the user has gone is answered with the RST that the peer must believe", "[SHLD-3]") {
  Scenario t;
  t.establish("<mss 1000>");
  t.drop_stream();
  t.expect("F. 1:1(0) ack 1");
  t.inject(".  1:101(100) ack 1");
  CHECK(t.expect("R  1:1(0)").flags == wire::Flags{wire::Flag::rst});
}

TEST_CASE("suites: RACK goes by the round trip of what has just arrived", "[RFC8985]") {
  Scenario t;
  establish_slowly(t, 10ms);
  t.write(10'000);
  t.ignore_sent();
  t.advance(10ms);
  t.inject(".  1:1(0) ack 1 <sack 1001:3001>");
  t.inject(".  1:1(0) ack 1 <sack 8001:9001 1001:3001>");
  t.expect(".  1:1001(1000) ack 1");
  t.advance(12ms);
  // The first transmission of 3001:4001 arrives, late: 9001:10001, sent after it, may be as late.
  t.inject(".  1:1(0) ack 4001 <sack 8001:9001>");
  t.expect(".  4001:5001(1000) ack 1");
  t.expect(".  5001:6001(1000) ack 1");
  t.expect(".  6001:7001(1000) ack 1");
  t.silence();
}

TEST_CASE("suites: a timeout in fast recovery does not lower the threshold again", "[RFC5681]") {
  Scenario t{[](Config& config) { config.tcp.congestion = CongestionAlgorithm::new_reno; }};
  establish_slowly(t, 100ms);
  t.write(10'000);
  t.ignore_sent();
  t.advance(100ms);
  t.inject(".  1:1(0) ack 1 <sack 1001:4001>");
  t.expect(".  1:1001(1000) ack 1");
  t.inject(".  1:1(0) ack 4001");
  t.ignore_sent();
  t.advance(1s);
  t.ignore_sent();
  CHECK(t.stack().statistics().retransmission_timeouts > 0);
  CHECK(t.stream().info().slow_start_threshold == 5000);
}

TEST_CASE("suites: of what the device cuts, no packet is more than half of the window or its own limit", "[tso]") {
  const std::uint16_t segments = GENERATE(std::uint16_t{3}, std::uint16_t{64});
  Scenario t{[=](Config& config) {
    config.segmentation_offload = 60'000;
    config.segmentation_segments = segments;
  }};
  t.establish("<mss 1000>");
  t.write(10'000);
  if (segments == 3) {
    t.expect("P. 1:3001(3000) ack 1");
    t.expect("P. 3001:6001(3000) ack 1");
    t.expect("P. 6001:9001(3000) ack 1");
    t.expect("P. 9001:10001(1000) ack 1");
  } else {
    t.expect("P. 1:5001(5000) ack 1");
    t.expect("P. 5001:10001(5000) ack 1");
  }
}

TEST_CASE("suites: a largest segment of our own is offered and kept to", "[3.7.1]") {
  Scenario t{[](Config& config) { config.tcp.maximum_segment = 1000; }};
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1 <mss 1000>");
  t.inject(".  1:1(0) ack 1");
  t.write(2000);
  t.expect(".  1:1001(1000) ack 1");
  t.expect("P. 1001:2001(1000) ack 1");
}

TEST_CASE("suites: whether the window starts anew after idle time is a choice", "[RFC5681]") {
  const bool restart = GENERATE(true, false);
  Scenario t{[=](Config& config) { config.tcp.restart_after_idle = restart; }};
  establish_slowly(t, 100ms);
  t.write(10'000);
  t.ignore_sent();
  t.advance(100ms);
  t.inject(".  1:1(0) ack 10001");
  CHECK(t.stream().info().congestion_window == 20'000);
  t.advance(10s);
  t.write(1000);
  t.ignore_sent();
  CHECK(t.stream().info().congestion_window == (restart ? 10'000u : 20'000u));
}

TEST_CASE("suites: a listener can be asked whether somebody waits", "[3.10.1]") {
  Scenario t;
  CHECK_FALSE(t.listener().has_pending());
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  CHECK_FALSE(t.listener().has_pending());
  t.inject(".  1:1(0) ack 1");
  CHECK(t.listener().has_pending());
  t.stream();
  CHECK_FALSE(t.listener().has_pending());
}

}  // namespace
}  // namespace backstop::test
