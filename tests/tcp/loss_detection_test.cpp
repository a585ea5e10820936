// RACK and the loss probe (RFC 8985): when a segment counts as lost, to the millisecond.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t mss = 1000;

std::string segment(std::uint32_t number, const char* flags = ".") {
  return std::string(flags) + " " + notation::format_range(1 + number * mss, mss) + " ack 1";
}

// Both SYNs offer SACK, and the round trip is 100 ms.
void open(Scenario& t) {
  t.inject("S  0:0(0) win 65535 <mss 1000,nop,nop,sackOK>");
  t.expect("S. 0:0(0) ack 1");
  t.advance(100ms);
  t.inject(".  1:1(0) ack 1");
}

// `count` segments from `first` on, each of its own when they are single.
void send(Scenario& t, std::uint32_t first, std::uint32_t count) {
  t.write(count * mss);
  for (std::uint32_t number = first; number + 1 < first + count; ++number) t.expect(segment(number));
  t.expect(segment(first + count - 1, "P."));
  t.silence();
}

TEST_CASE("loss probe: the last segment again after two round trips, before the timeout", "[RFC8985]") {
  Scenario t;
  open(t);
  send(t, 0, 3);
  t.expect_after(202ms, segment(2, "P."));
  CHECK(t.stack().statistics().retransmission_timeouts == 0);
  SECTION("its SACK shows what is missing") {
    t.advance(100ms);
    t.inject(".  1:1(0) ack 1 <sack 2001:3001>");
    t.expect(segment(0));
    CHECK(t.stack().statistics().retransmission_timeouts == 0);
  }
  SECTION("one to a flight: then the timeout") {
    t.expect_after(300ms, segment(0));
    CHECK(t.stack().statistics().retransmission_timeouts == 1);
  }
}

TEST_CASE("loss probe: new text when there is some, whatever the congestion window", "[RFC8985]") {
  Scenario t;
  open(t);
  t.write(12 * mss);
  for (std::uint32_t number = 0; number < 10; ++number) t.expect(segment(number));
  t.silence();
  t.expect_after(202ms, segment(10));
}

TEST_CASE("loss probe: none without SACK, and none while text is reported out of order", "[RFC8985]") {
  SECTION("without SACK") {
    Scenario t;
    t.inject("S  0:0(0) win 65535 <mss 1000>");
    t.expect("S. 0:0(0) ack 1");
    t.advance(100ms);
    t.inject(".  1:1(0) ack 1");
    send(t, 0, 3);
    t.expect_after(300ms, segment(0));
  }
  SECTION("with text reported out of order, RACK's timer serves") {
    Scenario t;
    open(t);
    send(t, 0, 4);
    t.advance(100ms);
    t.inject(".  1:1(0) ack 1 <sack 1001:2001>");
    t.silence();
    t.expect_after(25ms, segment(0));
    t.silence(50ms);
  }
}

TEST_CASE("loss probe: a lone segment waits for a peer that may only be slow, but no longer than the timeout",
          "[RFC8985]") {
  Scenario t;
  open(t);
  send(t, 0, 1);
  t.expect_after(300ms, segment(0, "P."));
  CHECK(t.stack().statistics().retransmission_timeouts == 0);
}

TEST_CASE("RACK: one segment overtaken waits a quarter of the smallest round trip, three do not", "[RFC8985]") {
  Scenario t;
  open(t);
  send(t, 0, 8);
  t.advance(100ms);
  SECTION("one") {
    t.inject(".  1:1(0) ack 1 <sack 1001:2001>");
    t.silence();
    t.expect_after(25ms, segment(0));
  }
  SECTION("two") {
    t.inject(".  1:1(0) ack 1 <sack 1001:3001>");
    t.silence();
    t.expect_after(25ms, segment(0));
  }
  SECTION("three") {
    t.inject(".  1:1(0) ack 1 <sack 1001:4001>");
    t.expect(segment(0));
  }
  SECTION("it comes in time after all") {
    t.inject(".  1:1(0) ack 1 <sack 1001:2001>");
    t.advance(24ms);
    t.inject(".  1:1(0) ack 2001");
    t.silence(50ms);
    CHECK(t.stream().info().retransmissions == 0);
  }
}

TEST_CASE("RACK: where reordering was seen, three segments are no proof either", "[RFC8985]") {
  Scenario t;
  open(t);
  send(t, 0, 4);
  t.advance(100ms);
  t.inject(".  1:1(0) ack 1 <sack 1001:3001>");
  t.inject(".  1:1(0) ack 4001");  // segment 0 was only late
  send(t, 4, 8);
  t.advance(100ms);
  t.inject(".  1:1(0) ack 4001 <sack 5001:12001>");
  t.silence();
  t.expect_after(25ms, segment(4));
}

TEST_CASE("RACK: a duplicate that the peer tells of widens the patience to two quarters", "[RFC8985][RFC2883]") {
  const bool plausible = GENERATE(true, false);
  Scenario t;
  open(t);
  send(t, 0, 4);
  t.advance(100ms);
  t.inject(".  1:1(0) ack 4001");
  // What was sent a moment ago; and what never was, or lies before any window.
  t.inject(plausible ? ".  1:1(0) ack 4001 <sack 3001:4001>" : ".  1:1(0) ack 4001 <sack -200000:-199000>");
  send(t, 4, 8);
  t.advance(100ms);
  t.inject(".  1:1(0) ack 4001 <sack 5001:6001>");
  t.silence();
  t.expect_after(plausible ? 50ms : 25ms, segment(4));
}

TEST_CASE("RACK: blocks that one acknowledgment tells of together were not reordered", "[RFC8985]") {
  Scenario t;
  open(t);
  send(t, 0, 8);
  t.advance(100ms);
  t.inject(".  1:1(0) ack 1 <sack 6001:8001 3001:4001 1001:2001>");
  t.expect(segment(0));
  t.expect(segment(2));
}

}  // namespace
}  // namespace backstop::test
