#include "stack/wire/address.hpp"

#include <random>
#include <string>

#include "tests/support/catch.hpp"

namespace backstop {
namespace {

TEST_CASE("Address: dotted decimal is read") {
  CHECK(parse_address("10.90.0.2") == Ipv4Address::of(10, 90, 0, 2));
  CHECK(parse_address("0.0.0.0") == Ipv4Address{0});
  CHECK(parse_address("255.255.255.255") == Ipv4Address{0xffff'ffff});
  STATIC_REQUIRE(parse_address("127.0.0.1")->value == 0x7f00'0001);
}

TEST_CASE("Address: anything else is not") {
  const std::string text = GENERATE("", "1", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.", "1.2.3.4.5", " 1.2.3.4",
                                    "1.2.3.4 ", "1.2.3.256", "1.2.3.1000", "1.2.3.-4", "1.2.3.+4", "1.2.3.x", "1,2,3,4",
                                    "0x7f.0.0.1", "010.0.0.1", "1.2.3.00", "1.2.3.04", "::1", "1.2.3.4/8");
  INFO('"' << text << '"');
  CHECK_FALSE(parse_address(text));
}

TEST_CASE("Address: what is written is read again") {
  std::mt19937 random{1};
  for (int round = 0; round < 1000; ++round) {
    const Ipv4Address address{static_cast<std::uint32_t>(random())};
    REQUIRE(parse_address(AddressText{address}.view()) == address);
  }
}

TEST_CASE("Address: endpoints are written with their port, the longest included") {
  CHECK(AddressText{Endpoint{Ipv4Address::of(255, 255, 255, 255), 65'535}}.view() == "255.255.255.255:65535");
  CHECK(AddressText{Endpoint{{}, 0}}.view() == "0.0.0.0:0");
}

TEST_CASE("Address: special ranges, at their edges") {
  CHECK(Ipv4Address::of(0, 0, 0, 0).is_unspecified());
  CHECK_FALSE(Ipv4Address::of(0, 0, 0, 1).is_unspecified());
  CHECK(Ipv4Address::of(0, 255, 255, 255).is_this_network());
  CHECK_FALSE(Ipv4Address::of(1, 0, 0, 0).is_this_network());
  CHECK(Ipv4Address::of(127, 255, 255, 255).is_loopback());
  CHECK_FALSE(Ipv4Address::of(128, 0, 0, 0).is_loopback());
  CHECK(Ipv4Address::of(224, 0, 0, 0).is_multicast());
  CHECK(Ipv4Address::of(239, 255, 255, 255).is_multicast());
  CHECK_FALSE(Ipv4Address::of(223, 255, 255, 255).is_multicast());
  CHECK_FALSE(Ipv4Address::of(240, 0, 0, 0).is_multicast());
  CHECK(Ipv4Address::of(240, 0, 0, 0).is_reserved());
  CHECK(Ipv4Address::of(255, 255, 255, 254).is_reserved());
  CHECK_FALSE(Ipv4Address::of(255, 255, 255, 255).is_reserved());
  CHECK(Ipv4Address::of(255, 255, 255, 255).is_limited_broadcast());
}

}  // namespace
}  // namespace backstop
