// What Stream::info() tells, against what the script has played.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("info: windows, options and numbers of segments are those on the wire") {
  Scenario t;
  t.inject("S  0:0(0) win 1000 <mss 1000,sackOK,TS val 1 ecr 0,nop,wscale 3>");
  t.expect("S. 0:0(0) ack 1 <mss 1460,sackOK,TS,nop,wscale 5>");
  t.advance(100ms);
  t.inject(".  1:1(0) ack 1 win 4000");
  ConnectionInfo info = t.stream().info();
  CHECK(info.state == State::established);
  CHECK(info.tuple.local == Scenario::default_local);
  CHECK(info.tuple.remote == Scenario::default_remote);
  CHECK(info.peer_mss == 1000);
  CHECK(info.mss == 988);  // 12 octets go to timestamps
  CHECK(info.timestamps);
  CHECK(info.selective_acks);
  CHECK(info.send_scale == 3);
  CHECK(info.receive_scale == 5);
  CHECK(info.send_window == 32'000);
  CHECK(info.srtt == 100ms);
  CHECK(info.rttvar == 50ms);
  CHECK(info.rto == 300ms);
  CHECK(info.congestion_window == 9880);
  CHECK(info.segments_received == 2);
  CHECK(info.segments_sent == 1);
  t.write(988);
  t.expect("P. 1:989(988) ack 1");
  info = t.stream().info();
  CHECK(info.in_flight == 988);
  CHECK(info.last_text_sent == t.now());
  t.advance(50ms);
  t.inject("P. 1:11(10) ack 989");
  info = t.stream().info();
  CHECK(info.bytes_acked == 988);
  CHECK(info.bytes_received == 10);
  CHECK(info.unread == 10);
  CHECK(info.last_heard == t.now());
  CHECK(info.in_flight == 0);
}

TEST_CASE("info: what is lost, reordered, delivered and sent again") {
  Scenario t;
  t.inject("S  0:0(0) win 65535 <mss 1000,nop,nop,sackOK>");
  t.expect("S. 0:0(0) ack 1");
  t.advance(100ms);
  t.inject(".  1:1(0) ack 1");
  t.write(4000);
  t.ignore_sent();
  CHECK(t.stream().info().unsent == 0);
  t.advance(100ms);
  t.inject(".  1:1(0) ack 1 <sack 1001:4001>");
  CHECK(t.stream().info().delivered == 3000);
  CHECK(t.stream().info().bytes_acked == 0);
  CHECK(t.stream().info().reordering == 0);
  t.expect(".  1:1001(1000) ack 1");
  CHECK(t.stream().info().retransmissions == 1);
  CHECK(t.stream().info().in_flight == 1000);
  CHECK(t.stream().info().slow_start_threshold == 2800);
  t.advance(100ms);
  t.inject(".  1:1(0) ack 4001 <sack 1:1001>");  // both copies came
  CHECK(t.stream().info().delivered == 4000);
  CHECK(t.stream().info().reordering == 2);
}

TEST_CASE("info: unanswered probes of a closed window and of a silent peer") {
  SECTION("a closed window") {
    Scenario t;
    t.establish();
    t.inject(".  1:1(0) ack 1 win 0");
    t.write(1);
    t.advance(700ms);
    t.ignore_sent();
    CHECK(t.stream().info().probes == 2);
  }
  SECTION("a silent peer") {
    Scenario t{[](Config& config) {
      config.tcp.keep_alive = true;
      config.tcp.keep_alive_idle = 10s;
      config.tcp.keep_alive_interval = 1s;
    }};
    t.establish();
    t.advance(12s);
    t.ignore_sent();
    CHECK(t.stream().info().probes == 3);
    t.inject(".  1:1(0) ack 1");
    CHECK(t.stream().info().probes == 0);
  }
}

TEST_CASE("info: urgent text of ours, until it is acknowledged", "[3.8.5]") {
  Scenario t;
  t.establish();
  REQUIRE(t.stream().write_urgent(text(0, 10)) == 10);
  t.ignore_sent();
  CHECK(t.stream().info().urgent_sent);
  t.inject(".  1:1(0) ack 11");
  CHECK_FALSE(t.stream().info().urgent_sent);
}

TEST_CASE("info: an empty handle's connection is CLOSED") { CHECK(Stream{}.info().state == State::closed); }

}  // namespace
}  // namespace backstop::test
