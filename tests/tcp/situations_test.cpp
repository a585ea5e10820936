// Situations that have broken other stacks, each in the shortest story that shows it.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a SYN with window 0, then an ACK with window 0x8000: text goes at once", "[3.1][MUST-1]") {
  Scenario t;
  t.inject("S  0:0(0) win 0 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1 win 32768");
  t.write(1460);
  t.expect("P. 1:1461(1460) ack 1");
}

TEST_CASE("what was asked for in SYN-SENT fails when the connection is refused", "[3.10.2][3.10.3]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.write(100);
  std::array<std::byte, 10> buffer{};
  CHECK(t.stream().read(buffer).error() == Error::would_block);
  t.inject("R. 0:0(0) ack 1");
  t.read_error(Error::connection_refused);
  CHECK(t.stream().write(buffer).error() == Error::connection_refused);
  CHECK(t.stream().close().error() == Error::connection_refused);
  CHECK(t.stack().blocks_in_use() == 0);
}

TEST_CASE("SYN-SENT: a bad ACK is reset, and our SYN goes again at its normal time", "[3.10.7.3]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.advance(400ms);
  t.inject("S. 0:0(0) ack 2 win 65535");
  t.expect("R  2:2(0)");
  t.silence(600ms - 1ns);
  t.advance(1ns);
  t.expect("S  0:0(0)");
}

TEST_CASE("windows of one octet less, just and one octet more than a segment", "[3.8.6.2.1][MUST-38]") {
  Scenario t;
  const auto [window, first] = GENERATE(table<std::uint32_t, std::uint32_t>({{999, 999}, {1000, 1000}, {1001, 1000}}));
  // Half of the largest window ever is worth sending, and this peer never has more than this one.
  t.inject("S  0:0(0) win " + std::to_string(window) + " <mss 1000>");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  t.write(2000);
  t.expect(".  " + notation::format_range(1, first) + " ack 1");
  t.silence();
  t.inject(".  1:1(0) ack " + std::to_string(1 + first));
  t.expect((first < 1000 ? ".  " : "P. ") + notation::format_range(1 + first, first) + " ack 1");
}

TEST_CASE("a segment sent again is another datagram: its IP identification is new", "[MAY-4][RFC6864]") {
  Scenario t;
  t.establish();
  t.write(100);
  const auto first = wire::parse_ipv4(t.take_packet())->header.id;
  t.advance(200ms);
  CHECK(wire::parse_ipv4(t.take_packet())->header.id != first);
}

TEST_CASE("a FIN waits behind text that the congestion window holds back, and rides on the last of it", "[3.10.4]") {
  Scenario t;
  t.establish("<mss 1000>");
  t.write(11'500);
  t.close();
  for (int segment = 0; segment < 10; ++segment)
    t.expect(".  " + notation::format_range(1 + static_cast<std::uint32_t>(segment) * 1000, 1000) + " ack 1");
  t.silence();
  t.state(State::fin_wait_1);
  t.inject(".  1:1(0) ack 10001");
  t.expect(".  10001:11001(1000) ack 1");
  t.expect("FP. 11001:11501(500) ack 1");
}

TEST_CASE("nobody can connect to himself", "[3.9.1.1][MUST-46]") {
  Scenario t;
  const auto self = t.stack().connect(Scenario::default_local, t.now());
  CHECK(self.error() == Error::remote_unspecified);
  t.silence();
}

TEST_CASE("both close at once, and the peer's last text is still on its way", "[3.6]") {
  Scenario t;
  t.establish();
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("F. 101:101(0) ack 1");  // the FIN overtakes the text
  t.expect(".  2:2(0) ack 1");
  t.state(State::fin_wait_1);
  t.inject("P. 1:101(100) ack 1");
  t.expect(".  2:2(0) ack 102");
  t.state(State::closing);
  t.read(100);
  t.read_end();
  t.inject(".  102:102(0) ack 2");
  t.state(State::time_wait);
}

TEST_CASE("CLOSING: the peer's FIN is acknowledged each time it comes, and ours goes again", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("F. 1:1(0) ack 1");
  t.expect(".  2:2(0) ack 2");
  for (int again = 0; again < 3; ++again) {
    t.inject("F. 1:1(0) ack 1");
    t.expect(".  2:2(0) ack 2");
  }
  t.expect_after(200ms, "F. 1:1(0) ack 2");
  t.state(State::closing);
}

TEST_CASE("a segment longer than the MTU, put together by a device, is a segment like any other") {
  Scenario t;
  t.establish();
  t.inject("P. 1:40001(40000) ack 1");
  t.expect(".  1:1(0) ack 40001");
  t.read(40'000);
}

TEST_CASE("a flood of crumbs out of order takes bounded memory and ends nothing", "[SHLD-31]") {
  Scenario t;
  t.establish("<mss 1460,nop,nop,sackOK>");
  for (std::uint32_t at = 3; at < 4000; at += 2) t.inject(".  " + notation::format_range(at, 1) + " ack 1");
  t.ignore_sent();
  CHECK(t.stack().blocks_in_use() <= 3);  // a page of text, one of ranges
  for (std::uint32_t at = 1; at < 4000; at += 1000) t.inject(".  " + notation::format_range(at, 1000) + " ack 1");
  t.ignore_sent();
  t.read(4000);
  CHECK(t.stack().blocks_in_use() == 0);
}

TEST_CASE("a window that shrinks: no new text, the old again, and no end while the peer answers",
          "[3.8.6][MUST-34][SHLD-15][SHLD-16][SHLD-17]") {
  Scenario t;
  t.establish("<mss 1000>");
  t.write(5000);
  for (std::uint32_t at = 1; at < 4000; at += 1000) t.expect(".  " + notation::format_range(at, 1000) + " ack 1");
  t.expect("P. 4001:5001(1000) ack 1");
  t.write(1000);
  t.ignore_sent();
  t.inject(".  1:1(0) ack 1001 win 1000");  // three of the four that are out lie beyond it
  t.silence();
  t.expect_after(200ms, ".  1001:2001(1000) ack 1");
  for (int minute = 0; minute < 10; ++minute) {
    t.advance(1min);
    t.ignore_sent();
    t.inject(".  1:1(0) ack 1001 win 1000");
  }
  t.state(State::established);
}

TEST_CASE("a window shrunk to nothing over text in flight is probed", "[3.8.6][MUST-35]") {
  Scenario t;
  t.establish();
  t.write(1460);
  t.expect("P. 1:1461(1460) ack 1");
  t.inject(".  1:1(0) ack 1461 win 0");
  t.write(100);
  t.silence();
  t.expect_after(200ms, ".  1460:1460(0) ack 1");
}

TEST_CASE("a whole window lost is sent again from its front, as acknowledgments make room", "[3.8.1][RFC5681]") {
  Scenario t;
  t.establish("<mss 1000>");
  t.write(20'000);
  t.ignore_sent();  // ten segments, and none arrives
  t.expect_after(200ms, ".  1:1001(1000) ack 1");
  t.silence();
  for (std::uint32_t acked = 1001, again = 1001; acked < 10'001; acked += 1000) {
    t.inject(".  1:1(0) ack " + std::to_string(acked));
    for (int segment = 0; segment < 2 && again < 10'001; ++segment, again += 1000) {
      t.expect(".  " + notation::format_range(again, 1000) + " ack 1");
    }
    t.ignore_sent();
  }
  CHECK(t.stream().info().retransmissions == 10);
}

TEST_CASE("a window that opens after the override split a segment is used in whole segments again",
          "[3.8.6.2.1][MUST-38]") {
  Scenario t;
  t.establish("<mss 1000>");
  t.inject(".  1:1(0) ack 1 win 300");
  t.write(3000);
  t.expect_after(200ms, ".  1:301(300) ack 1");
  t.inject(".  1:1(0) ack 301 win 0");
  t.silence(50ms);
  t.inject(".  1:1(0) ack 301 win 5000");
  t.expect(".  301:1301(1000) ack 1");
  t.expect(".  1301:2301(1000) ack 1");
}

TEST_CASE("a probe of a closed window does not wait for the congestion window", "[3.8.6.1][MUST-36]") {
  Scenario t;
  t.establish("<mss 1000>");
  t.write(1000);
  t.expect("P. 1:1001(1000) ack 1");
  t.advance(700ms);  // two timeouts: the congestion window is one segment
  t.ignore_sent();
  t.inject(".  1:1(0) ack 1001 win 0");
  t.write(5000);
  t.silence();
  t.advance(1s);
  t.expect(".  1000:1000(0) ack 1");
}

TEST_CASE("two connections that opened at once: one that fails after the simultaneous open is refused", "[3.10.7.4]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject("R  1:1(0)");
  t.state(State::closed);
  t.read_error(Error::connection_refused);
}

TEST_CASE("TIME-WAIT: an acknowledgment or text that comes late neither ends nor prolongs it", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("F. 1:1(0) ack 2");
  t.expect(".  2:2(0) ack 2");
  t.advance(50s);
  t.inject(".  2:2(0) ack 2");
  t.inject("P. 2:12(10) ack 2");
  t.silence(10s);
  t.state(State::closed);
}

TEST_CASE("TIME-WAIT: a RST does not end it when RFC 1337 is asked for", "[3.10.7.4][RFC1337]") {
  Scenario t{[](Config& config) { config.tcp.time_wait_ignores_reset = true; }};
  t.establish();
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("F. 1:1(0) ack 2");
  t.expect(".  2:2(0) ack 2");
  t.inject("R  2:2(0)");
  t.silence();
  t.state(State::time_wait);
}

TEST_CASE("TIME-WAIT: a SYN with timestamps opens a connection anew that had none, whatever its number",
          "[3.6.1][SHLD-4][RFC6191]") {
  Scenario t;
  t.establish();
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("F. 1:1(0) ack 2");
  t.expect(".  2:2(0) ack 2");
  t.inject("S  -1000:-1000(0) win 65535 <mss 1460,sackOK,TS val 7 ecr 0>");
  t.expect("S. ack -999 <mss 1460,sackOK,TS ecr 7>");
}

TEST_CASE("TIME-WAIT: a SYN,FIN does not end it", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("F. 1:1(0) ack 2");
  t.expect(".  2:2(0) ack 2");
  t.inject("SF 1000:1000(0) win 65535");
  t.expect(".  2:2(0) ack 2");
  t.state(State::time_wait);
}

TEST_CASE("simultaneous open: a FIN on the peer's SYN waits for the end of the handshake", "[3.10.7.3]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject("SF 0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.state(State::syn_received);
  t.inject("F. 1:1(0) ack 1");
  t.expect(".  1:1(0) ack 2");
  t.state(State::close_wait);
}

TEST_CASE("SYN-RECEIVED, passive: another SYN in the window returns to LISTEN", "[3.10.7.4]") {
  Scenario t;
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject("S  100:100(0) win 65535 <mss 1460>");
  t.silence();
  CHECK(t.stack().connections() == 0);
  t.inject("S  100:100(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 101");
}

TEST_CASE("an acknowledgment that is no good brings no second one about the window's end", "[3.10.7.4]") {
  Scenario t{[](Config& config) { config.tcp.receive_buffer = 1000; }};
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1 win 1000");
  t.inject("P. 1000:1005(5) ack 0");  // reaches beyond the window, and acknowledges nothing of ours
  t.expect("R  0:0(0)");
  t.silence();
}

}  // namespace
}  // namespace backstop::test
