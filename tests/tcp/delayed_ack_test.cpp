// When to send an acknowledgment (RFC 9293 section 3.8.6.3): not at once, not late, one for a burst.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

void no_quick_acks(Config& config) { config.tcp.quick_acks = 0; }

TEST_CASE("delayed ACK: a small segment is acknowledged after a while, under half a second",
          "[3.8.6.3][MUST-40][SHLD-18]") {
  Scenario t{no_quick_acks};
  t.establish();
  t.inject("P. 1:101(100) ack 1");
  t.silence();
  const Instant arrived = t.now();
  t.expect_after(40ms, ".  1:1(0) ack 101");
  CHECK(t.now() - arrived < 500ms);
  t.silence(10s);
}

TEST_CASE("delayed ACK: every second full segment is acknowledged at once", "[3.8.6.3][SHLD-19]") {
  Scenario t{no_quick_acks};
  t.establish();
  t.inject(".  1:1461(1460) ack 1");
  t.silence();
  t.inject(".  1461:2921(1460) ack 1");
  t.expect(".  1:1(0) ack 2921");
  t.silence(10s);
}

TEST_CASE("delayed ACK: our own text carries it", "[3.8.6.3]") {
  Scenario t{no_quick_acks};
  t.establish();
  t.inject("P. 1:101(100) ack 1");
  t.advance(10ms);
  t.write(50);
  t.expect("P. 1:51(50) ack 101");
  t.inject(".  101:101(0) ack 51");
  t.silence(10s);
}

TEST_CASE("delayed ACK: a burst gets one acknowledgment, sent when all of it was taken",
          "[3.10.7.4][MUST-58][MUST-59]") {
  Scenario t;
  t.establish();
  for (int segment = 0; segment < 10; ++segment) {
    t.inject(".  " + notation::format_range(1u + static_cast<std::uint32_t>(segment) * 1460u, 1460) + " ack 1");
  }
  t.expect(".  1:1(0) ack 14601");
  t.silence(10s);
}

TEST_CASE("delayed ACK: a young connection acknowledges each segment, to help the peer's slow start", "[3.8.6.3]") {
  Scenario t{[](Config& config) { config.tcp.quick_acks = 2; }};
  t.establish();
  t.inject("P. 1:101(100) ack 1");
  t.expect(".  1:1(0) ack 101");
  t.inject("P. 101:201(100) ack 1");
  t.expect(".  1:1(0) ack 201");
  t.inject("P. 201:301(100) ack 1");
  t.silence();
  t.expect_after(40ms, ".  1:1(0) ack 301");
}

TEST_CASE("delayed ACK: text that fills a hole is acknowledged at once", "[3.8.6.3][RFC5681]") {
  Scenario t{no_quick_acks};
  t.establish();
  t.inject(".  101:201(100) ack 1");
  t.expect(".  1:1(0) ack 1");
  t.inject(".  1:101(100) ack 1");
  t.expect(".  1:1(0) ack 201");
}

TEST_CASE("delayed ACK: a FIN is acknowledged at once", "[3.8.6.3]") {
  Scenario t{no_quick_acks};
  t.establish();
  t.inject("P. 1:101(100) ack 1");
  t.inject("F. 101:101(0) ack 1");
  t.expect(".  1:1(0) ack 102");
  t.silence(10s);
}

TEST_CASE("delayed ACK: an acknowledgment alone is never acknowledged", "[3.8.6.3]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1");
  t.inject(".  1:1(0) ack 1 win 1000");
  t.silence(10s);
}

}  // namespace
}  // namespace backstop::test
