// Loss found by acknowledgments (RFC 9293 section 3.8.2; RFC 5681 and RFC 6582 without SACK; RFC 6675 and RFC 8985
// with).
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"
#include "tests/support/transfer.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t mss = 1000;
constexpr auto with_sack = "<mss 1000,nop,nop,sackOK>";
constexpr auto without_sack = "<mss 1000>";

void reno(Config& config) { config.tcp.congestion = CongestionAlgorithm::new_reno; }

// Segment `number`, from 0, of those the tests send.
std::string segment(std::uint32_t number, const char* flags = ".") {
  return std::string(flags) + " " + notation::format_range(1 + number * mss, mss) + " ack 1";
}

// `count` segments are in flight; the last one has PSH. The round trip is 100 ms. Returns their TSval, if any.
std::uint32_t send(Scenario& t, std::uint32_t count, std::string_view options) {
  t.inject("S  0:0(0) win 65535 " + std::string(options));
  t.expect("S. 0:0(0) ack 1");
  t.advance(100ms);
  t.inject(".  1:1(0) ack 1");
  t.write(count * mss);
  for (std::uint32_t number = 0; number + 1 < count; ++number) t.expect(segment(number));
  const auto timestamps = t.expect(segment(count - 1, "P.")).options.timestamps;
  t.silence();
  t.advance(100ms);
  return timestamps ? timestamps->value : 0;
}

TEST_CASE("congestion: the initial window is ten segments", "[3.8.2][RFC6928]") {
  Scenario t;
  t.establish(without_sack);
  t.write(20 * mss);
  for (std::uint32_t number = 0; number < 10; ++number) t.expect(segment(number));
  t.silence();
  CHECK(t.stream().info().congestion_window == 10 * mss);
}

TEST_CASE("congestion: slow start sends two segments for each one acknowledged", "[3.8.2][MUST-19][RFC5681]") {
  Scenario t;
  t.establish(without_sack);
  t.write(20 * mss);
  for (std::uint32_t number = 0; number < 10; ++number) t.expect(segment(number));
  t.inject(".  1:1(0) ack 1001");
  t.expect(segment(10));
  t.expect(segment(11));
  t.silence();
  t.inject(".  1:1(0) ack 3001");
  for (std::uint32_t number = 12; number < 16; ++number) t.expect(segment(number));
  t.silence();
}

TEST_CASE("congestion: above ssthresh the window grows by one segment a round trip", "[3.8.2][MUST-19][RFC5681]") {
  Scenario t{reno};
  t.establish(without_sack);
  t.write(100 * mss);
  t.advance(200ms);  // a timeout: ssthresh is half of the ten segments in flight
  t.ignore_sent();
  CHECK(t.stream().info().slow_start_threshold == 5 * mss);
  t.inject(".  1:1(0) ack 10001");
  t.ignore_sent();
  for (int round = 0; round < 4; ++round) {
    const auto sent = t.stream().info();
    t.inject(".  1:1(0) ack " + std::to_string(1 + sent.bytes_acked + sent.in_flight));
    t.ignore_sent();
  }
  const std::uint32_t at_begin = t.stream().info().congestion_window;
  const ConnectionInfo info = t.stream().info();
  REQUIRE(at_begin >= 5 * mss);
  t.inject(".  1:1(0) ack " + std::to_string(1 + info.bytes_acked + info.in_flight));
  t.ignore_sent();
  CHECK(t.stream().info().congestion_window - at_begin <= mss);
}

TEST_CASE("fast retransmit: the third duplicate ACK, not the second", "[3.8.2][RFC5681]") {
  Scenario t{reno};
  send(t, 8, without_sack);
  t.inject(".  1:1(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  t.silence();
  t.inject(".  1:1(0) ack 1");
  t.expect(segment(0));
  CHECK(t.stream().info().slow_start_threshold == 4 * mss);
  t.inject(".  1:1(0) ack 8001");
  CHECK(t.stream().info().congestion_window == 4 * mss);
  CHECK(t.stream().info().retransmissions == 1);
  t.silence(10s);
}

TEST_CASE("fast retransmit: what is no duplicate ACK does not count", "[3.8.2][RFC5681]") {
  Scenario t;
  send(t, 8, without_sack);
  t.inject(".  1:1(0) ack 1 win 60000");  // window updates
  t.inject(".  1:1(0) ack 1 win 61000");
  t.inject(".  1:1(0) ack 1 win 62000");
  t.inject("P. 1:2(1) ack 1");  // text
  t.inject("P. 2:3(1) ack 1");
  t.inject("P. 3:4(1) ack 1");
  t.ignore_sent();
  CHECK(t.stream().info().retransmissions == 0);
}

TEST_CASE("NewReno: a partial ACK brings the next hole", "[RFC6582]") {
  Scenario t;
  send(t, 8, without_sack);  // segments 0 and 3 are lost
  for (int duplicate = 0; duplicate < 3; ++duplicate) t.inject(".  1:1(0) ack 1");
  t.expect(segment(0));
  for (int duplicate = 0; duplicate < 3; ++duplicate) t.inject(".  1:1(0) ack 1");
  t.ignore_sent();
  t.advance(100ms);
  t.inject(".  1:1(0) ack 3001");
  t.expect(segment(3));
  t.inject(".  1:1(0) ack 8001");
  CHECK(t.stream().info().retransmissions == 2);
  t.silence(10s);
}

TEST_CASE("NewReno: duplicate ACKs that go on do not keep the timer from firing", "[RFC6298][RFC6582]") {
  Scenario t;
  send(t, 8, without_sack);
  for (int duplicate = 0; duplicate < 3; ++duplicate) t.inject(".  1:1(0) ack 1");
  t.expect(segment(0));  // and this is lost again
  t.write(10 * mss);
  for (int duplicate = 0; duplicate < 10; ++duplicate) {
    t.advance(100ms);
    t.inject(".  1:1(0) ack 1");
    t.ignore_sent();
  }
  CHECK(t.stack().statistics().retransmission_timeouts >= 1);
}

TEST_CASE("SACK: holes are filled, what the peer has is not sent again", "[RFC6675][RFC8985]") {
  Scenario t;
  send(t, 8, with_sack);  // segments 0 and 3 are lost
  t.inject(".  1:1(0) ack 1 <sack 1001:2001>");
  t.inject(".  1:1(0) ack 1 <sack 1001:3001>");
  t.inject(".  1:1(0) ack 1 <sack 4001:5001 1001:3001>");
  t.inject(".  1:1(0) ack 1 <sack 4001:6001 1001:3001>");
  t.expect(segment(0));
  t.inject(".  1:1(0) ack 1 <sack 4001:7001 1001:3001>");
  t.inject(".  1:1(0) ack 1 <sack 4001:8001 1001:3001>");
  t.expect(segment(3));
  t.silence(50ms);
  t.inject(".  1:1(0) ack 3001 <sack 4001:8001>");
  t.silence(10ms);
  t.inject(".  1:1(0) ack 8001");
  CHECK(t.stream().info().retransmissions == 2);
  t.silence(10s);
}

TEST_CASE("SACK: blocks that cannot be are ignored", "[RFC2018][RFC2883]") {
  Scenario t;
  send(t, 8, with_sack);
  t.inject(".  1:1(0) ack 2001");
  // Of what was never sent, the wrong way round, and below the ACK (a duplicate, told of).
  const auto blocks = GENERATE(as<std::string>{}, "9001:10001", "4001:3001", "1:1001", "1001:3001");
  for (int i = 0; i < 5; ++i) t.inject(".  1:1(0) ack 2001 <sack " + blocks + ">");
  t.silence();
  CHECK(t.stream().info().retransmissions == 0);
}

TEST_CASE("SACK: the peer may take back what it reported; then the timer sends it again", "[RFC2018]") {
  Scenario t;
  send(t, 4, with_sack);
  t.inject(".  1:1(0) ack 1 <sack 1001:4001>");
  t.expect(segment(0));
  t.inject(".  1:1(0) ack 1001");  // no block any more: it has only this
  t.silence();
  t.advance(2s);
  t.expect(segment(1));
  t.ignore_sent();
  t.inject(".  1:1(0) ack 2001");
  t.expect(segment(2));
  t.expect(segment(3, "P."));
  t.inject(".  1:1(0) ack 4001");
  t.silence(10s);
  CHECK(t.stream().info().in_flight == 0);
}

TEST_CASE("SACK: a lost retransmission is repaired", "[RFC8985]") {
  Scenario t;
  send(t, 8, with_sack);
  t.inject(".  1:1(0) ack 1 <sack 1001:8001>");
  t.expect(segment(0));
  t.advance(10s);
  t.expect(segment(0));
  t.ignore_sent();
  t.inject(".  1:1(0) ack 8001");
  t.silence(10s);
}

TEST_CASE("SACK: a retransmission lost again is found by a later one that arrives, not by the timer", "[RFC8985]") {
  // With timestamps the peer's echo stays the same while its first hole is open, whatever it reports.
  const auto options = GENERATE(as<std::string>{}, with_sack, "<mss 1012,sackOK,TS val 1 ecr 0>");
  Scenario t;
  const std::uint32_t value = send(t, 8, options);  // segments 0, 3 and 5 are lost
  const std::string echo = options == with_sack ? "" : ",TS val 201 ecr " + std::to_string(value);
  t.inject(".  1:1(0) ack 1 <sack 6001:8001 4001:5001 1001:3001" + echo + ">");
  t.expect(segment(0));
  t.expect(segment(3));
  t.expect(segment(5));
  t.advance(100ms);  // segment 0 is lost again
  t.inject(".  1:1(0) ack 1 <sack 3001:5001 6001:8001 1001:3001" + echo + ">");
  t.inject(".  1:1(0) ack 1 <sack 3001:8001 1001:3001" + echo + ">");
  t.expect(segment(0));
  t.silence(1ms);
  CHECK(t.stack().statistics().retransmission_timeouts == 0);
}

TEST_CASE("congestion: a connection that was idle begins again with the initial window", "[RFC5681]") {
  Scenario t;
  t.establish(without_sack);
  for (int round = 0; round < 4; ++round) {
    t.write(20 * mss);
    t.ignore_sent();
    while (t.stream().info().in_flight > 0) {
      const ConnectionInfo info = t.stream().info();
      t.inject(".  1:1(0) ack " + std::to_string(1 + info.bytes_acked + info.in_flight));
      t.ignore_sent();
    }
  }
  REQUIRE(t.stream().info().congestion_window > 10 * mss);
  t.advance(10s);
  const auto offset = static_cast<std::uint32_t>(t.stream().info().bytes_acked) / mss;
  t.write(20 * mss);
  for (std::uint32_t number = 0; number < 10; ++number) t.expect(segment(offset + number));
  t.silence();
}

TEST_CASE("fast recovery: the window is never less than a segment", "[RFC6937]") {
  Scenario t;
  t.establish();
  t.write(256);
  t.expect("P. 1:257(256) ack 1");
  t.inject(".  1:1(0) ack 256");
  for (int duplicate = 0; duplicate < 3; ++duplicate) t.inject(".  1:1(0) ack 256");
  t.expect("P. 256:257(1) ack 1");
  t.inject(".  1:1(0) ack 256 win 0");
  CHECK(t.stream().info().congestion_window == 1460);
}

}  // namespace
}  // namespace backstop::test
