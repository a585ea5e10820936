// The options of `backstop serve` taken together: what they mean, and what contradicts what.
#include <string>

#include "tests/support/catch.hpp"
#include "tools/serve/options.hpp"

using namespace backstop;
using namespace backstop::tools;

namespace {

ServeArguments good_arguments() {
  ServeArguments arguments;
  arguments.device = "bs0";
  arguments.host_address = "10.90.0.1/24";
  arguments.address = "10.90.0.2";
  return arguments;
}

std::string error_of(const ServeArguments& arguments) {
  const auto options = parse_serve_arguments(arguments);
  return options ? "no error" : options.error();
}

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("Serve's arguments become options", "[serve]") {
  auto arguments = good_arguments();
  arguments.listeners = {"80=http", "7=echo"};
  arguments.fallbacks = {"22=decline", "*=discard"};
  arguments.duration = 1.5;
  arguments.mtu = std::uint16_t{1400};
  const auto options = parse_serve_arguments(arguments).value();
  CHECK(options.address == Ipv4Address::of(10, 90, 0, 2));
  CHECK(options.host_address->address == Ipv4Address::of(10, 90, 0, 1));
  CHECK(options.host_address->prefix == 24);
  CHECK(options.rules.listeners.size() == 2);
  CHECK(options.rules.fallbacks.size() == 2);
  CHECK(options.rules.fallbacks[0].text == "22=decline");
  CHECK(options.duration == std::chrono::milliseconds(1500));
  CHECK(options.mtu == 1400);
}

TEST_CASE("A device that exists needs no host address", "[serve]") {
  auto arguments = good_arguments();
  arguments.host_address.clear();
  CHECK_FALSE(parse_serve_arguments(arguments).value().host_address.has_value());
}

TEST_CASE("Two listeners on one port are an error that names both", "[serve]") {
  auto arguments = good_arguments();
  arguments.listeners = {"80=http", "7=echo", "80=echo"};
  CHECK(error_of(arguments) == "--listen 80=echo: port 80 has a listener already (80=http); a port takes one");
}

TEST_CASE("A bad rule's error names the option it came with", "[serve]") {
  auto arguments = good_arguments();
  arguments.listeners = {"80=web"};
  CHECK(mentions(error_of(arguments), "--listen 80=web: there is no handler 'web'"));
  arguments = good_arguments();
  arguments.fallbacks = {"*=web"};
  CHECK(mentions(error_of(arguments), "--fallback *=web: there is no action 'web'"));
}

TEST_CASE("A bad address is one line that names it", "[serve]") {
  for (const auto* bad : {"", "10.90.0", "10.90.0.256", "ten", "10.90.0.2/24", "::1", "0.0.0.0", "127.0.0.1",
                          "224.0.0.1", "255.255.255.255", "10.90.0.1", "10.90.0.0", "10.90.0.255"}) {
    auto arguments = good_arguments();
    arguments.address = bad;
    INFO("--addr '" << bad << "'");
    CHECK(error_of(arguments).starts_with("--addr: "));
  }
  for (const auto* bad : {"10.90.0.1", "10.90.0.1/", "10.90.0.1/33", "10.90.0.1/-1", "10.90.0.1/2x", "10.90.0/24",
                          "0.0.0.0/0", "127.0.0.1/8"}) {
    auto arguments = good_arguments();
    arguments.host_address = bad;
    INFO("--host-addr '" << bad << "'");
    CHECK(error_of(arguments).starts_with("--host-addr: "));
  }
}

TEST_CASE("Addresses at the edges of a network's size are fine", "[serve]") {
  auto arguments = good_arguments();
  arguments.host_address = "10.90.0.0/31";  // RFC 3021: both addresses of a point-to-point link are hosts
  arguments.address = "10.90.0.1";
  CHECK(error_of(arguments) == "no error");
  arguments.host_address = "10.90.0.1/32";
  arguments.address = "10.91.0.0";
  CHECK(error_of(arguments) == "no error");
  arguments.host_address = "10.90.0.1/0";
  CHECK(error_of(arguments) == "no error");
}

TEST_CASE("A duration is positive, and an MTU what IPv4 asks at least", "[serve]") {
  for (const double bad : {0.0, -1.0, 1e12}) {
    auto arguments = good_arguments();
    arguments.duration = bad;
    CHECK(error_of(arguments).starts_with("--duration: "));
  }
  auto arguments = good_arguments();
  arguments.offload = "on";
  CHECK(error_of(arguments) == "--offload on: auto or off is needed");
  arguments.offload = "off";
  arguments.mtu = std::uint16_t{67};
  CHECK(error_of(arguments).starts_with("--mtu 67: "));
  arguments.mtu = std::uint16_t{68};
  CHECK(error_of(arguments) == "no error");
}
