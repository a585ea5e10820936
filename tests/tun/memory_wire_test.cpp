#include "tun/memory_wire.hpp"

#include "tests/tun/packets.hpp"

namespace backstop::tun {
namespace {

TEST_CASE("Memory wire: what one end sends, the other receives, in order and with its offload") {
  MemoryWire wire({.mtu = 1500, .capacity = 4, .offload = {.checksum = true, .segmentation = 65000}});
  const TestPacket first(1000, {.checksum_partial = true, .gso_size = 0});
  const TestPacket second(60'000, {.checksum_partial = true, .gso_size = 1448});
  wire.left().send(first.view());
  wire.left().send(second.view());

  CHECK_FALSE(wire.left().receive());
  auto packet = wire.right().receive();
  REQUIRE(packet);
  CHECK(same_bytes(packet->bytes, first.flat()));
  CHECK(packet->offload == first.view().offload);
  packet = wire.right().receive();
  REQUIRE(packet);
  CHECK(same_bytes(packet->bytes, second.flat()));
  CHECK(packet->offload == second.view().offload);
  CHECK_FALSE(wire.right().receive());
}

TEST_CASE("Memory wire: it carries both directions at once") {
  MemoryWire wire;
  const TestPacket there(10);
  const TestPacket back(20);
  wire.left().send(there.view());
  wire.right().send(back.view());
  auto at_left = wire.left().receive();
  auto at_right = wire.right().receive();
  REQUIRE(at_left);
  REQUIRE(at_right);
  CHECK(same_bytes(at_left->bytes, back.flat()));
  CHECK(same_bytes(at_right->bytes, there.flat()));
}

TEST_CASE("Memory wire: a packet that is too many or too large is dropped and counted") {
  MemoryWire wire({.mtu = 200, .capacity = 2, .offload = {}});
  const TestPacket small(100);
  const TestPacket large(161);
  wire.left().send(large.view());
  CHECK(wire.dropped() == 1);
  CHECK_FALSE(wire.right().receive());
  for (int i = 0; i < 3; ++i) wire.left().send(small.view());
  CHECK(wire.dropped() == 2);
  CHECK(wire.right().receive());
  CHECK(wire.right().receive());
  CHECK_FALSE(wire.right().receive());
}

TEST_CASE("Memory wire: a packet stays whole until the next receive, while the wire fills up behind it") {
  MemoryWire wire({.mtu = 200, .capacity = 3, .offload = {}});
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  for (int round = 0; round < 50; ++round) {
    wire.left().send(TestPacket(100, {}, numbered(sent++)).view());
    const auto packet = wire.right().receive();
    REQUIRE(packet);
    for (int i = 0; i < 3; ++i) wire.left().send(TestPacket(100, {}, numbered(sent++)).view());
    CHECK(same_bytes(packet->bytes, TestPacket(100, {}, numbered(received++)).flat()));
    while (const auto more = wire.right().receive()) {
      CHECK(same_bytes(more->bytes, TestPacket(100, {}, numbered(received++)).flat()));
    }
  }
  CHECK(received == sent);
  CHECK(wire.dropped() == 0);
}

}  // namespace
}  // namespace backstop::tun
