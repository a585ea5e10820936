// Urgent data (RFC 9293 section 3.8.5, RFC 6093): a pointer into the text, not a channel of its own.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

void write_urgent(Scenario& t, std::size_t size) {
  REQUIRE(t.stream().write_urgent(std::vector<std::byte>(size)) == size);
}

TEST_CASE("urgent, sending: the pointer is to the octet behind the urgent text", "[3.8.5][MUST-30][MUST-62]") {
  Scenario t;
  t.establish();
  write_urgent(t, 5);
  t.expect("PU. 1:6(5) ack 1 urg 5");
  t.inject(".  1:1(0) ack 6");
  t.write(5);  // behind it nothing is urgent any more
  t.expect("P. 6:11(5) ack 1");
}

TEST_CASE("urgent, sending: text written before it is urgent too, on every segment and its retransmission",
          "[3.8.5][MUST-31]") {
  Scenario t;
  t.establish("<mss 1000>");
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.write(500);  // Nagle holds it back
  write_urgent(t, 1600);
  t.expect("U. 101:1101(1000) ack 1 urg 2100");
  t.expect("U. 1101:2101(1000) ack 1 urg 1100");
  t.silence();
  t.inject(".  1:1(0) ack 2101");
  t.expect("PU. 2101:2201(100) ack 1 urg 100");
  t.expect_after(200ms, "PU. 2101:2201(100) ack 1 urg 100");
}

TEST_CASE("urgent, sending: of any length, the pointer tells as far as it can", "[3.8.5][MUST-31]") {
  Scenario t{[](Config& config) { config.tcp.initial_window = 200; }};
  t.establish("<mss 1000,nop,wscale 7>");
  t.inject(".  1:1(0) ack 1 win 2000");
  write_urgent(t, 100'000);
  std::uint32_t left = 100'000;
  for (; left > 1000; left -= 1000) {
    const std::string number = std::to_string(std::min(left, 0xffffu));
    t.expect("U. " + notation::format_range(100'001 - left, 1000) + " ack 1 urg " + number);
  }
  t.expect("PU. 99001:100001(1000) ack 1 urg 1000");
}

TEST_CASE("urgent, sending: a closed window does not keep the news from the peer", "[3.8.5][MUST-66]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1 win 0");
  write_urgent(t, 5);
  t.expect("U. 1:1(0) ack 1 urg 5");
  t.expect_after(200ms, "U. 0:0(0) ack 1 urg 6");  // the probe of the window
  t.inject(".  1:1(0) ack 1 win 100");
  t.expect("PU. 1:6(5) ack 1 urg 5");
}

TEST_CASE("urgent, sending: from SYN-SENT it goes with the text", "[3.8.5]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  write_urgent(t, 5);
  t.silence();
  t.inject("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  t.expect("PU. 1:6(5) ack 1 urg 5");
}

TEST_CASE("urgent, sending: the device does not cut segments while a pointer is on them") {
  Scenario t{[](Config& config) { config.segmentation_offload = 65'000; }};
  t.establish("<mss 1000>");
  write_urgent(t, 2000);
  t.expect("U. 1:1001(1000) ack 1 urg 2000");
  t.expect("PU. 1001:2001(1000) ack 1 urg 1000");
}

TEST_CASE("urgent, receiving: the user is told, also when the pointer moves on, and how much remains",
          "[3.8.5][MUST-32][MUST-33]") {
  Scenario t;
  t.establish();
  t.inject("U. 1:1(0) ack 1 urg 100");
  t.silence();
  CHECK(t.news().urgent);
  CHECK(t.stream().info().urgent == 100);
  t.inject("U. 1:51(50) ack 1 urg 100");
  t.expect(".  ack 51");
  CHECK_FALSE(t.news().urgent);  // nothing new
  CHECK(t.stream().info().urgent == 100);
  t.read(30);
  CHECK(t.stream().info().urgent == 70);
  t.inject("U. 51:101(50) ack 1 urg 150");
  t.expect(".  ack 101");
  CHECK(t.news().urgent);
  CHECK(t.stream().info().urgent == 170);
  t.inject(".  101:201(100) ack 1");
  t.read(170);
  CHECK(t.stream().info().urgent == 0);
  CHECK(t.stream().info().unread == 0);
}

TEST_CASE("urgent, receiving: urgent text is text like any other, in its place", "[3.8.5][MUST-31]") {
  Scenario t;
  t.establish();
  t.inject("PU. 1:1001(1000) ack 1 urg 1000");
  t.expect(".  ack 1001");
  t.read(1000);
}

TEST_CASE("urgent, receiving: a pointer into text that arrived but was not read counts", "[3.8.5][MUST-32]") {
  Scenario t;
  t.establish();
  t.inject("P. 1:101(100) ack 1");
  t.expect(".  ack 101");
  t.news();
  t.inject("U. 51:151(100) ack 1 urg 20");
  t.expect(".  ack 151");
  CHECK(t.news().urgent);
  CHECK(t.stream().info().urgent == 70);
}

TEST_CASE("urgent, receiving: an old pointer tells nothing", "[3.8.5]") {
  Scenario t;
  t.establish();
  t.inject("P. 1:101(100) ack 1");
  t.expect(".  ack 101");
  t.read(100);
  t.news();
  t.inject("U. 51:151(100) ack 1 urg 50");
  t.expect(".  ack 151");
  CHECK_FALSE(t.news().urgent);
  CHECK(t.stream().info().urgent == 0);
}

TEST_CASE("urgent, receiving: the pointer counts when our window is closed", "[3.4][3.8.5][MUST-66]") {
  Scenario t{[](Config& config) { config.tcp.receive_buffer = 1000; }};
  t.establish();
  t.inject("P. 1:1001(1000) ack 1");
  t.expect(".  ack 1001 win 0");
  t.news();
  // Without text, and with text that finds no room.
  t.inject(GENERATE(as<std::string>{}, "U. 1001:1001(0) ack 1 urg 7", "U. 1001:1101(100) ack 1 urg 7"));
  CHECK(t.news().urgent);
  CHECK(t.stream().info().urgent == 1007);
}

TEST_CASE("urgent, receiving: behind the peer's FIN the bit is ignored", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.inject("F. 1:1(0) ack 1");
  t.expect(".  ack 2");
  t.news();
  t.inject("U. 2:2(0) ack 1 urg 7");
  CHECK_FALSE(t.news().urgent);
}

}  // namespace
}  // namespace backstop::test
