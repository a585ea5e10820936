// Which port an active open gets when it names none (RFC 6056 section 3.3.3).
#include <set>

#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

constexpr Endpoint server{Ipv4Address::of(192, 0, 2, 1), 443};
constexpr std::uint32_t dynamic_ports = 16'384;

Config with_secret(std::uint8_t octet, std::uint32_t connections = 64) {
  Config config;
  config.address = Scenario::default_local.address;
  config.max_connections = connections;
  config.max_listeners = 1;
  config.blocks = 16;
  config.coroutine_memory = 0;
  config.secret[0] = octet;
  return config;
}

std::uint16_t port_to(Stack& stack, const Endpoint& remote) {
  return stack.connect(remote, Instant{}).value().local().port;  // given up at once, and the port with it
}

TEST_CASE("Port choice: every port is a dynamic one, and none is used again soon", "[6056]") {
  Stack stack{with_secret(1)};
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 5000; ++i) {
    const std::uint16_t port = port_to(stack, server);
    CHECK(port >= 49'152);
    CHECK(ports.insert(port).second);
  }
}

TEST_CASE("Port choice: where it begins depends on the remote end and on the secret", "[6056]") {
  std::set<std::uint16_t> firsts;
  for (std::uint8_t secret = 0; secret < 4; ++secret) {
    for (std::uint8_t host = 1; host <= 4; ++host) {
      for (std::uint16_t port = 1; port <= 4; ++port) {
        Stack fresh{with_secret(secret)};
        firsts.insert(port_to(fresh, {Ipv4Address::of(192, 0, 2, host), port}));
      }
    }
  }
  CHECK(firsts.size() >= 62);  // of 64; two of them may meet by chance
}

TEST_CASE("Port choice: what one server sees does not tell what another will see", "[6056]") {
  Stack stack{with_secret(1)};
  std::set<std::uint16_t> distances;
  for (std::uint8_t host = 1; host <= 50; ++host) {
    const std::uint16_t here = port_to(stack, server);
    const std::uint16_t there = port_to(stack, {{Ipv4Address::of(192, 0, 2, 100).value + host}, 443});
    distances.insert(static_cast<std::uint16_t>(there - here));
  }
  CHECK(distances.size() >= 48);
}

TEST_CASE("Port choice: a port that is listened on, or in use to that server, is left alone", "[6056]") {
  Stack first{with_secret(1)};
  const std::uint16_t port = port_to(first, server);
  Stack stack{with_secret(1)};
  SECTION("listened on") {
    const auto listener = stack.listen({{}, port});
    REQUIRE(listener);
    CHECK(port_to(stack, server) != port);
  }
  SECTION("in use") {
    const auto other = stack.connect(server, Instant{}, {.local = {{}, port}});
    REQUIRE(other);
    CHECK(port_to(stack, server) != port);
  }
  SECTION("in use to another server: that is no hindrance") {
    const auto other = stack.connect({server.address, 80}, Instant{}, {.local = {{}, port}});
    REQUIRE(other);
    CHECK(port_to(stack, server) == port);
  }
}

TEST_CASE("Port choice: when every port to a server is taken, that one is refused and others are not", "[6056]") {
  Stack stack{with_secret(1, dynamic_ports + 1)};
  std::vector<Stream> streams;
  std::set<std::uint16_t> ports;
  for (std::uint32_t i = 0; i < dynamic_ports; ++i) {
    streams.push_back(stack.connect(server, Instant{}).value());
    ports.insert(streams.back().local().port);
  }
  CHECK(ports.size() == dynamic_ports);
  CHECK(stack.connect(server, Instant{}).error() == Error::insufficient_resources);
  CHECK(stack.connect({server.address, 80}, Instant{}));
}

}  // namespace
}  // namespace backstop::test
