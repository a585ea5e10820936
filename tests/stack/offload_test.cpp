#include "stack/stack.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/packets.hpp"

namespace backstop {
namespace {

constexpr Endpoint peer{Ipv4Address::of(10, 90, 0, 1), 5000};
constexpr Endpoint ours{Ipv4Address::of(10, 90, 0, 2), 53};

TEST_CASE("Offload: a UDP datagram whose checksum the device left unfinished is not a bad one", "[RFC1122][offload]") {
  Config config;
  config.address = ours.address;
  Stack stack(config);
  test::Packet packet = test::udp_packet(peer, ours, test::text(0, 20));
  wire::store16(packet, 26, 0x1234);

  stack.receive({packet, {}}, Instant{});
  CHECK(stack.statistics().dropped(Drop::udp_bad_checksum) == 1);
  CHECK_FALSE(stack.transmit(Instant{}));

  stack.receive({packet, {.checksum_partial = true, .gso_size = 0}}, Instant{});
  CHECK(stack.statistics().dropped(Drop::udp_bad_checksum) == 1);
  CHECK(stack.transmit(Instant{}));
  CHECK(stack.statistics().unreachables_sent == 1);
}

}  // namespace
}  // namespace backstop
