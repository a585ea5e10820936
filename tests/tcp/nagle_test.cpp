// What to put into a segment and when (RFC 9293 sections 3.7.4, 3.8.6.2.1 and 3.9.1.2): Nagle's algorithm, silly
// windows avoided by the sender, PSH.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Nagle: a small segment waits while anything is unacknowledged", "[3.7.4][SHLD-7]") {
  Scenario t;
  t.establish();
  t.write(10);
  t.expect("P. 1:11(10) ack 1");
  t.write(10);
  t.write(20);
  t.silence();
  t.inject(".  1:1(0) ack 11");
  t.expect("P. 11:41(30) ack 1");
  t.silence();
}

TEST_CASE("Nagle: a full segment does not wait, what is left over does", "[3.7.4][SHLD-7][SHLD-28]") {
  Scenario t;
  t.establish();
  t.write(10);
  t.expect("P. 1:11(10) ack 1");
  t.write(2000);
  t.expect(".  11:1471(1460) ack 1");
  t.silence();
  t.inject(".  1:1(0) ack 1471");
  t.expect("P. 1471:2011(540) ack 1");
}

TEST_CASE("Nagle: it can be switched off, for one connection and for all", "[3.7.4][MUST-17]") {
  SECTION("one") {
    Scenario t;
    t.establish();
    t.stream().set_no_delay(true);
    t.write(10);
    t.expect("P. 1:11(10) ack 1");
    t.write(10);
    t.expect("P. 11:21(10) ack 1");
    t.stream().set_no_delay(false);
    t.write(10);
    t.silence();
  }
  SECTION("all") {
    Scenario t{[](Config& config) { config.tcp.no_delay = true; }};
    t.establish();
    t.write(10);
    t.expect("P. 1:11(10) ack 1");
    t.write(10);
    t.expect("P. 11:21(10) ack 1");
  }
}

TEST_CASE("Nagle: switching it off lets go what waits", "[3.7.4][MUST-17]") {
  Scenario t;
  t.establish();
  t.write(10);
  t.expect("P. 1:11(10) ack 1");
  t.write(10);
  t.silence();
  t.stream().set_no_delay(true);
  t.expect("P. 11:21(10) ack 1");
}

TEST_CASE("Nagle: closing lets go what waits, and the FIN rides on it", "[3.7.4]") {
  Scenario t;
  t.establish();
  t.write(10);
  t.expect("P. 1:11(10) ack 1");
  t.write(10);
  t.silence();
  t.close();
  t.expect("FP. 11:21(10) ack 1");
}

TEST_CASE("sender: PSH is on the segment that empties the queue, and only there",
          "[3.9.1.2][MUST-60][MUST-61][SHLD-27]") {
  Scenario t;
  t.establish();
  t.write(2000);
  t.write(920);
  t.expect(".  1:1461(1460) ack 1");
  t.expect("P. 1461:2921(1460) ack 1");
  t.silence();
}

TEST_CASE("sender: no silly segments into a small window", "[3.8.6.2.1][MUST-38]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1 win 100");
  t.write(3000);
  t.silence();  // 100 octets are neither a segment nor half of the largest window seen
  t.inject(".  1:1(0) ack 1 win 1500");
  t.expect(".  1:1461(1460) ack 1");
  t.silence();
}

TEST_CASE("sender: half of the largest window seen is worth sending, for peers with tiny buffers",
          "[3.8.6.2.1][MUST-38]") {
  Scenario t;
  t.inject("S  0:0(0) win 500 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1 win 500");
  t.write(3000);
  t.expect(".  1:501(500) ack 1");
  t.inject(".  1:1(0) ack 501 win 250");
  t.expect(".  501:751(250) ack 1");
  t.inject(".  1:1(0) ack 751 win 249");
  t.silence();
}

}  // namespace
}  // namespace backstop::test
