// Blind attacks (RFC 5961, RFC 5927): who cannot see a connection cannot end it, slow it down or learn of it.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("challenge ACKs: one in half a second, whatever asks for it", "[RFC5961]") {
  Scenario t;
  t.establish();
  t.inject("S  100:100(0) win 65535");
  t.expect(".  1:1(0) ack 1");
  t.inject("S  200:200(0) win 65535");
  t.inject("S  100000:100000(0) win 65535");  // outside the window
  t.inject("R  100:100(0)");
  t.inject(".  1:1(0) ack 1000");
  t.inject(".  100000:100000(0) ack 1");
  t.silence(500ms - 1ns);
  t.advance(1ns);
  t.inject("R  100:100(0)");
  t.expect(".  1:1(0) ack 1");
  t.state(State::established);
}

TEST_CASE("challenge ACKs: text and FIN outside the window are answered each time", "[RFC5961]") {
  Scenario t;
  t.establish();
  t.inject("R  100:100(0)");
  t.expect(".  1:1(0) ack 1");
  t.inject("P. 100000:100100(100) ack 1");
  t.expect(".  1:1(0) ack 1");
  t.inject("F. 100000:100000(0) ack 1");
  t.expect(".  1:1(0) ack 1");
}

TEST_CASE("challenge ACKs: what an attacker uses up on his own connection tells nothing of another (CVE-2016-5696)",
          "[RFC5961]") {
  Scenario t;
  t.establish();
  t.between(80, 40'001, Ipv4Address::of(10, 0, 0, 66));
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  for (int guess = 0; guess < 1000; ++guess) t.inject("R  100:100(0)");  // on his own
  t.expect(".  1:1(0) ack 1");
  t.silence();
  t.between(80, 40'000);
  t.inject("R  100:100(0)");  // his guess at the other one: answered as if he had done nothing
  t.expect(".  1:1(0) ack 1");
  t.advance(500ms);
  t.between(80, 40'001, Ipv4Address::of(10, 0, 0, 66));
  t.inject("R  100:100(0)");  // and his own is answered the same, whether that guess was right or wrong
  t.expect(".  1:1(0) ack 1");
}

TEST_CASE("blind data injection: text with an acknowledgment out of range is not taken", "[RFC5961][MAY-12]") {
  Scenario t;
  t.establish();
  t.inject("P. 1:101(100) ack 100");
  t.expect(".  1:1(0) ack 1");
  t.advance(1s);
  t.inject("P. 1:101(100) ack -100000");
  t.expect(".  1:1(0) ack 1");
  CHECK(t.stream().info().unread == 0);
}

TEST_CASE("a SYN with text on an established connection is challenged, and its text is nobody's", "[RFC5961]") {
  Scenario t;
  t.establish();
  t.inject("S  0:10(10) win 65535 <mss 1460>");
  t.expect(".  1:1(0) ack 1");
  CHECK(t.stream().info().unread == 0);
  t.state(State::established);
}

TEST_CASE("a RST for one connection of a listener leaves the listener and its other connections alone", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.between(80, 40'001);
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject("R  1:1(0)");
  t.silence();
  CHECK(t.stack().connections() == 1);
  t.state(State::established);
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
}

TEST_CASE("ICMP: each unreachable code has its error in SYN-SENT", "[3.9.2.2][MUST-54]") {
  const auto [code, error] = GENERATE(table<std::uint8_t, Error>({{std::uint8_t{0}, Error::network_unreachable},
                                                                  {std::uint8_t{1}, Error::host_unreachable},
                                                                  {std::uint8_t{2}, Error::protocol_unreachable},
                                                                  {std::uint8_t{3}, Error::connection_refused},
                                                                  {std::uint8_t{5}, Error::host_unreachable},
                                                                  {std::uint8_t{6}, Error::network_unreachable},
                                                                  {std::uint8_t{7}, Error::host_unreachable},
                                                                  {std::uint8_t{9}, Error::network_unreachable},
                                                                  {std::uint8_t{10}, Error::host_unreachable},
                                                                  {std::uint8_t{11}, Error::network_unreachable},
                                                                  {std::uint8_t{12}, Error::host_unreachable},
                                                                  {std::uint8_t{13}, Error::host_unreachable}}));
  CAPTURE(code);
  Scenario t;
  t.connect();
  const Packet syn = t.take_packet();
  t.inject_packet(icmp_error(Scenario::default_remote.address, wire::IcmpType::destination_unreachable, code, 0, syn));
  t.state(State::closed);
  t.read_error(error);
}

TEST_CASE("ICMP: once synchronized, no unreachable code ends a connection", "[3.9.2.2][RFC5927][MUST-56][SHLD-26]") {
  const auto code = GENERATE(range<std::uint8_t>(0, 16));
  CAPTURE(code);
  Scenario t;
  t.establish();
  t.write(100);
  const Packet text = t.take_packet();
  t.inject_packet(icmp_error(Scenario::default_remote.address, wire::IcmpType::destination_unreachable, code, 0, text));
  t.state(State::established);
  t.inject(".  1:1(0) ack 101");
  t.state(State::established);
}

}  // namespace
}  // namespace backstop::test
