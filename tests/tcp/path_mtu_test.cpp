// Path MTU discovery (RFC 1191) with the checks of RFC 5927, and paths on which ICMP never comes.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

using namespace backstop;
using namespace backstop::test;
using namespace std::chrono_literals;

namespace {

constexpr Ipv4Address router = Ipv4Address::of(10, 0, 0, 254);
constexpr std::uint8_t fragmentation_needed = 4;

void report_too_big(Scenario& t, const Packet& packet, std::uint32_t mtu) {
  t.inject_packet(icmp_error(router, wire::IcmpType::destination_unreachable, fragmentation_needed, mtu, packet));
}

bool may_be_cut(const Packet& packet) { return !wire::parse_ipv4(packet).value().header.dont_fragment; }

}  // namespace

TEST_CASE("path MTU: text in flight that was too large is sent again in pieces that fit", "[MUST-54]") {
  Scenario t;
  t.establish();
  t.write(1460);
  const Packet large = t.take_packet();
  REQUIRE(large.size() == 1500);
  report_too_big(t, large, 1000);
  t.expect(".  1:961(960) ack 1");
  t.expect("P. 961:1461(500) ack 1");
  t.inject(". 1:1(0) ack 1461");
  t.write(2000);
  CHECK(t.expect(". 1461:2421(960) ack 1").text.size() == 960);
}

TEST_CASE("path MTU: a report about text that is not in flight is not believed") {
  Scenario t;
  t.establish();
  t.write(1460);
  const Packet large = t.take_packet();
  t.inject(". 1:1(0) ack 1461");
  report_too_big(t, large, 1000);
  t.silence();
  CHECK(t.stream().info().mss == 1460);
}

TEST_CASE("path MTU: an old router that names no MTU has the next plateau tried") {
  Scenario t;
  t.establish();
  t.write(1460);
  report_too_big(t, t.take_packet(), 0);
  t.expect(".  1:1453(1452) ack 1");
  CHECK(t.stream().info().mss == 1452);
}

TEST_CASE("path MTU: a tiny one makes small packets that may be cut, not crumbs") {
  Scenario t;
  t.establish();
  t.write(1460);
  report_too_big(t, t.take_packet(), 100);
  const Packet again = t.take_packet();
  CHECK(again.size() == 552);
  CHECK(may_be_cut(again));
}

TEST_CASE("path MTU: a report never makes packets larger than our own device takes") {
  Scenario t{[](Config& config) { config.mtu = 296; }};
  t.establish();
  t.write(1000);
  const Packet first = t.take_packet();
  t.ignore_sent();
  report_too_big(t, first, 100);
  t.advance(1s);
  const Packet again = t.take_packet();
  CHECK(again.size() == 296);
  CHECK(may_be_cut(again));
}

TEST_CASE("path MTU: full segments that vanish without a word become smaller") {
  Scenario t;
  t.establish();
  t.write(1460);
  t.expect("P. 1:1461(1460) ack 1");
  for (int timeouts = 0; timeouts < 5; ++timeouts) {
    t.advance(20s);
    t.ignore_sent();
  }
  CHECK(t.stream().info().mss < 1460);
}

TEST_CASE("ICMP: what is said of an established connection's path is a hint, and no more",
          "[MUST-47][MUST-56][SHLD-25]") {
  Scenario t;
  t.establish();
  t.write(100);
  const Packet text = t.take_packet();
  const std::uint8_t code = GENERATE(as<std::uint8_t>{}, 0, 1, 2, 3, 5);
  t.inject_packet(icmp_error(router, wire::IcmpType::destination_unreachable, code, 0, text));
  CHECK(t.stream().state() == State::established);
  CHECK(t.stream().info().soft_error.has_value());
}

TEST_CASE("ICMP: source quench is ignored", "[MUST-55]") {
  Scenario t;
  t.establish();
  t.write(100);
  t.inject_packet(icmp_error(router, wire::IcmpType::source_quench, 0, 0, t.take_packet()));
  t.silence();
  CHECK_FALSE(t.stream().info().soft_error.has_value());
}
