// RETRANSMISSION TIMEOUT (RFC 9293 sections 3.8.1 and 3.10.8): RFC 6298's timer, Karn's rule, back-off, and the user
// timeout behind it.
#include "stack/tcp/rtt.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("retransmission: the RTO doubles until the segment is acknowledged", "[3.8.1][MUST-18][RFC6298]") {
  Scenario t;
  t.establish();  // the handshake took no time: RTO is its minimum, 200 ms
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.expect_after(200ms, "P. 1:101(100) ack 1");
  t.expect_after(400ms, "P. 1:101(100) ack 1");
  t.expect_after(800ms, "P. 1:101(100) ack 1");
  t.expect_after(1600ms, "P. 1:101(100) ack 1");
  CHECK(t.stream().info().retransmissions == 4);
  t.inject(".  1:1(0) ack 101");
  t.silence(10s);
}

TEST_CASE("retransmission: the RTO follows the round-trip time", "[3.8.1][MUST-18][RFC6298]") {
  Scenario t;
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.advance(400ms);
  t.inject(".  1:1(0) ack 1");
  const ConnectionInfo first = t.stream().info();
  CHECK(first.srtt == 400ms);
  CHECK(first.rttvar == 200ms);
  CHECK(first.rto == 1200ms);  // SRTT + 4 * RTTVAR
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.advance(400ms);
  t.inject(".  1:1(0) ack 101");
  const ConnectionInfo second = t.stream().info();
  CHECK(second.srtt == 400ms);
  CHECK(second.rttvar == 150ms);  // three quarters of what it was
  t.write(100);
  t.expect("P. 101:201(100) ack 1");
  t.expect_after(1000ms, "P. 101:201(100) ack 1");
}

TEST_CASE("retransmission: without a least RTO it is still longer than the round trip", "[3.8.1][RFC6298]") {
  Scenario t{[](Config& config) { config.tcp.minimum_rto = 0ms; }};
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  const Duration round_trip = 10'900us;
  t.advance(round_trip);
  t.inject(".  1:1(0) ack 1");
  for (std::uint32_t written = 0; written < 4000; written += 100) {  // until the variance is gone
    t.write(100);
    t.ignore_sent();
    t.advance(round_trip);
    t.ignore_sent();
    t.inject(".  1:1(0) ack " + std::to_string(written + 101));
  }
  CHECK(t.stream().info().rttvar < 100us);
  CHECK(t.stream().info().rto > round_trip);
  CHECK(t.stream().info().retransmissions == 0);
}

TEST_CASE("retransmission: no RTO is shorter than the one that idleness is first asked about", "[RFC6298]") {
  Parameters parameters;
  parameters.minimum_rto = 0ms;
  parameters.maximum_rto = backstop::tcp::shortest_rto;
  CHECK(backstop::tcp::RttEstimator{}.rto(parameters) >= backstop::tcp::shortest_rto);
  for (const Duration rtt : {0ns, 1ns, 999'999ns, 1'000'000ns, 1'999'000ns, 5'000'000ns}) {
    backstop::tcp::RttEstimator estimator;
    for (int samples = 0; samples < 50; ++samples) {
      estimator.sample(rtt);
      CHECK(estimator.rto(parameters) >= backstop::tcp::shortest_rto);
    }
  }
}

TEST_CASE("retransmission: a segment sent twice gives no sample (Karn)", "[3.8.1][MUST-18][RFC6298]") {
  Scenario t;
  t.establish();
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  const Duration before = t.stream().info().srtt;
  t.expect_after(200ms, "P. 1:101(100) ack 1");
  t.advance(150ms);
  t.inject(".  1:1(0) ack 101");
  CHECK(t.stream().info().srtt == before);
}

TEST_CASE("retransmission: the RTO stays backed off until there is a sample (Karn)", "[3.8.1][MUST-18][RFC6298]") {
  Scenario t;
  t.establish();
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.expect_after(200ms, "P. 1:101(100) ack 1");
  t.inject(".  1:1(0) ack 101");
  t.write(100);
  t.expect("P. 101:201(100) ack 1");
  t.expect_after(400ms, "P. 101:201(100) ack 1");
  t.inject(".  1:1(0) ack 201");
  t.write(100);
  t.expect("P. 201:301(100) ack 1");
  t.inject(".  1:1(0) ack 301");  // the first that was sent once
  t.write(100);
  t.expect("P. 301:401(100) ack 1");
  t.expect_after(200ms, "P. 301:401(100) ack 1");
}

TEST_CASE("retransmission: an RTO shorter than the path does not stay so", "[3.8.1][RFC6298]") {
  Scenario t{[](Config& config) { config.tcp.initial_rto = 300ms; }};
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.expect_after(300ms, "S. 0:0(0) ack 1");  // no sample: the handshake took 301 ms
  t.advance(1ms);
  t.inject(".  1:1(0) ack 1");
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.advance(301ms);
  t.inject(".  1:1(0) ack 101");
  CHECK(t.stream().info().srtt == 301ms);
  CHECK(t.stream().info().retransmissions == 1);  // that of the SYN,ACK
}

TEST_CASE("retransmission: only the oldest segment goes out at a timeout, the others follow as it is acknowledged",
          "[3.8.2][MUST-19][RFC5681]") {
  Scenario t;
  t.establish();
  t.write(4380);
  t.expect(".  1:1461(1460) ack 1");
  t.expect(".  1461:2921(1460) ack 1");
  t.expect("P. 2921:4381(1460) ack 1");
  t.silence();
  t.expect_after(200ms, ".  1:1461(1460) ack 1");
  t.silence();
  CHECK(t.stream().info().congestion_window == 1460);
  t.inject(".  1:1(0) ack 1461");
  t.expect(".  1461:2921(1460) ack 1");
  t.expect("P. 2921:4381(1460) ack 1");
  t.silence();
  t.inject(".  1:1(0) ack 4381");
  t.silence(10s);
}

TEST_CASE("retransmission: an ACK for new text starts the timer anew", "[RFC6298]") {
  Scenario t;
  t.establish();
  t.write(2920);
  t.expect(".  1:1461(1460) ack 1");
  t.expect("P. 1461:2921(1460) ack 1");
  t.advance(150ms);
  t.inject(".  1:1(0) ack 1461");
  t.silence(199ms);
  t.advance(1s);
  t.expect("P. 1461:2921(1460) ack 1");
}

TEST_CASE("retransmission: the FIN is retransmitted like text", "[3.8.1]") {
  Scenario t;
  t.establish();
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.expect_after(200ms, "F. 1:1(0) ack 1");
  t.inject(".  1:1(0) ack 2");
  t.state(State::fin_wait_2);
  t.silence(10s);
}

TEST_CASE("retransmission: in CLOSING and LAST-ACK the FIN is retransmitted too", "[3.8.1]") {
  Scenario t;
  t.establish();
  SECTION("CLOSING") {
    t.close();
    t.expect("F. 1:1(0) ack 1");
    t.inject("F. 1:1(0) ack 1");
    t.expect(".  2:2(0) ack 2");
    t.advance(200ms);
    t.expect("F. 1:1(0) ack 2");
    t.inject(".  2:2(0) ack 2");
    t.state(State::time_wait);
  }
  SECTION("LAST-ACK") {
    t.inject("F. 1:1(0) ack 1");
    t.expect(".  1:1(0) ack 2");
    t.close();
    t.expect("F. 1:1(0) ack 2");
    t.expect_after(200ms, "F. 1:1(0) ack 2");
    t.inject(".  2:2(0) ack 2");
    t.state(State::closed);
  }
}

TEST_CASE("retransmission: text written meanwhile does not change the segment that is sent again", "[3.8.1]") {
  Scenario t;
  t.establish();
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.write(100);  // Nagle holds it back
  t.silence();
  t.expect_after(200ms, "P. 1:101(100) ack 1");
  t.inject(".  1:1(0) ack 101");
  t.expect("P. 101:201(100) ack 1");
}

TEST_CASE("user timeout: text unacknowledged for long ends the connection",
          "[3.8.3][3.10.8][MUST-20][MUST-21][SHLD-10][SHLD-11]") {
  Scenario t;
  t.establish();
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.advance(100s);
  t.state(State::established);
  CHECK(t.stream().info().retransmissions >= 3);
  t.advance(200s);
  t.ignore_sent();
  t.state(State::closed);
  CHECK(t.news().closed);
  t.read_error(Error::user_timeout);
  t.stop_listening();
  t.inject(".  1:1(0) ack 101");  // the late ACK finds nobody
  t.expect("R  101:101(0)");
}

TEST_CASE("user timeout: it can be set shorter, and counts from the last progress", "[3.8.3][MUST-21]") {
  Scenario t{[](Config& config) { config.tcp.user_timeout = 5s; }};
  t.establish();
  t.advance(100s);  // an idle connection has no user timeout
  t.state(State::established);
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.advance(4s);
  t.ignore_sent();
  t.inject(".  1:1(0) ack 51");
  t.advance(4s);
  t.state(State::established);
  t.advance(20s);
  t.ignore_sent();
  t.state(State::closed);
  t.read_error(Error::user_timeout);
}

TEST_CASE("user timeout: it also ends a connection whose FIN is not acknowledged", "[3.8.3]") {
  Scenario t{[](Config& config) { config.tcp.user_timeout = 5s; }};
  t.establish();
  t.close();
  t.drop_stream();
  CHECK(t.stack().connections() == 1);
  t.advance(30s);
  t.ignore_sent();
  CHECK(t.stack().connections() == 0);
}

}  // namespace
}  // namespace backstop::test
