#include "tun/fault_injector.hpp"

#include <poll.h>

#include <map>

#include "tests/support/socket_device.hpp"
#include "tests/tun/packets.hpp"
#include "tun/memory_wire.hpp"

namespace backstop::tun {
namespace {

/// The numbers of `count` packets in the order in which they came through, both ways with the same faults.
/// `burst` packets are sent at a time; a number that is not among those sent is a corrupted one.
struct Passage {
  std::vector<std::uint32_t> inbound;
  std::vector<std::uint32_t> outbound;
  FaultCounters inbound_counters;
  FaultCounters outbound_counters;
};

std::uint32_t number_of(Bytes packet) { return packet.size() < 28 ? 0xffff'ffff : wire::load32(packet, 24); }

void drain(Device& device, std::vector<std::uint32_t>& numbers) {
  while (const auto packet = device.receive()) {
    auto datagram = wire::parse_ipv4(packet->bytes);
    const bool good = datagram && wire::parse_segment(*datagram, packet->offload);
    numbers.push_back(good ? number_of(packet->bytes) : 0xffff'ffff);
  }
}

Passage pass(const Faults& faults, std::uint32_t count, std::uint32_t burst = 100, std::uint64_t seed = 1) {
  MemoryWire wire;
  FaultInjector injector(wire.left(), {.inbound = faults, .outbound = faults, .seed = seed});
  Passage passage;
  for (std::uint32_t sent = 0; sent < count;) {
    for (std::uint32_t i = 0; i < burst && sent < count; ++i, ++sent) {
      const TestPacket packet(0, {}, numbered(sent));
      wire.right().send(packet.view());
      injector.send(packet.view());
    }
    drain(injector, passage.inbound);
    drain(wire.right(), passage.outbound);
  }
  passage.inbound_counters = injector.inbound();
  passage.outbound_counters = injector.outbound();
  return passage;
}

std::vector<std::uint32_t> sorted(std::vector<std::uint32_t> numbers) {
  std::ranges::sort(numbers);
  return numbers;
}

std::vector<std::uint32_t> first_numbers(std::uint32_t count) {
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

/// Whether `count` of `of` is what `probability` lets expect, within five standard deviations.
bool is_likely(std::uint64_t count, std::uint64_t of, double probability) {
  const double expected = static_cast<double>(of) * probability;
  const double difference = static_cast<double>(count) - expected;
  return difference * difference <= 25 * expected * (1 - probability);
}

TEST_CASE("Fault injector: without faults everything passes as it is") {
  const Passage passage = pass({}, 1000);
  CHECK(passage.inbound == first_numbers(1000));
  CHECK(passage.outbound == first_numbers(1000));
  CHECK(passage.inbound_counters.packets == 1000);
}

TEST_CASE("Fault injector: faults happen as often as asked for, and each direction has its own") {
  constexpr std::uint32_t count = 20'000;
  const Faults faults{.loss = 0.05, .duplication = 0.02, .corruption = 0.01, .reordering = 0.1};
  const Passage passage = pass(faults, count);
  for (const FaultCounters& counters : {passage.inbound_counters, passage.outbound_counters}) {
    CHECK(counters.packets == count);
    CHECK(is_likely(counters.lost, count, 0.05));
    CHECK(is_likely(counters.duplicated, count, 0.95 * 0.02));
    CHECK(is_likely(counters.corrupted, count, 0.95 * 0.01));
    CHECK(is_likely(counters.reordered, count, 0.95 * 0.1));
  }
  CHECK(passage.inbound.size() == count - passage.inbound_counters.lost + passage.inbound_counters.duplicated);
  CHECK(passage.inbound != passage.outbound);
}

TEST_CASE("Fault injector: the same seed and packets meet the same faults, another seed others") {
  const Faults faults{.loss = 0.1, .duplication = 0.1, .corruption = 0.1, .reordering = 0.3};
  const Passage once = pass(faults, 2000);
  const Passage again = pass(faults, 2000);
  CHECK(once.inbound == again.inbound);
  CHECK(once.outbound == again.outbound);
  CHECK(pass(faults, 2000, 100, 2).inbound != once.inbound);
}

TEST_CASE("Fault injector: one fault more leaves the others where they were") {
  const Passage loss = pass({.loss = 0.1}, 1000);
  Passage loss_and_duplication = pass({.loss = 0.1, .duplication = 0.5}, 1000);
  auto& numbers = loss_and_duplication.inbound;
  CHECK(numbers.size() > loss.inbound.size());
  numbers.erase(std::ranges::unique(numbers).begin(), numbers.end());
  CHECK(numbers == loss.inbound);
}

TEST_CASE("Fault injector: a duplicate comes twice, whole") {
  const Passage passage = pass({.duplication = 1}, 100);
  REQUIRE(passage.inbound.size() == 200);
  for (std::uint32_t i = 0; i < 200; ++i) CHECK(passage.inbound[i] == i / 2);
}

TEST_CASE("Fault injector: corruption turns one bit over, and every checksum notices") {
  const Passage passage = pass({.corruption = 1}, 500);
  CHECK(passage.inbound == std::vector<std::uint32_t>(500, 0xffff'ffff));
  CHECK(passage.outbound == std::vector<std::uint32_t>(500, 0xffff'ffff));
}

TEST_CASE("Fault injector: corruption is noticed although the checksum was partial") {
  MemoryWire wire({.mtu = 1500, .capacity = 512, .offload = {.checksum = true, .segmentation = 0}});
  FaultInjector injector(wire.left(), {.inbound = {.corruption = 1}, .outbound = {}});
  for (std::uint32_t i = 0; i < 500; ++i) {
    wire.right().send(TestPacket(50, {.checksum_partial = true, .gso_size = 0}, numbered(i)).view());
  }
  std::vector<std::uint32_t> numbers;
  drain(injector, numbers);
  CHECK(numbers == std::vector<std::uint32_t>(500, 0xffff'ffff));
}

TEST_CASE("Fault injector: reordering loses nothing, and no packet falls behind further than asked for") {
  const Passage passage = pass({.reordering = 0.2, .reorder_distance = 5}, 5000, 5000 / 10);
  CHECK(sorted(passage.inbound) == first_numbers(5000));
  CHECK(passage.inbound != first_numbers(5000));
  // A packet overtaken by five others that pass is at most those behind, and those held with it.
  for (std::uint32_t at = 0; at < 5000; ++at) CHECK(passage.inbound[at] + 16 > at);
}

TEST_CASE("Fault injector: what is held back comes when no more packets do") {
  const Passage passage = pass({.reordering = 1}, 10, 1);
  CHECK(passage.inbound == first_numbers(10));
  CHECK(passage.outbound == first_numbers(10));
}

bool readable(const Device& device) {
  pollfd entry{device.fd(), POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

TEST_CASE("Fault injector: its descriptor is readable while it keeps something, and only then") {
  test::SocketPair pair;
  FaultInjector injector(pair.left(), {.inbound = {.duplication = 1}, .outbound = {.reordering = 1}});
  CHECK_FALSE(readable(injector));
  const TestPacket packet(10);

  pair.right().send(packet.view());
  CHECK(readable(injector));
  CHECK(injector.receive());  // the duplicate is still there
  CHECK(readable(injector));
  CHECK(injector.receive());
  CHECK_FALSE(readable(injector));
  CHECK_FALSE(injector.receive());

  injector.send(packet.view());
  CHECK_FALSE(pair.right().receive());
  CHECK(readable(injector));
  CHECK_FALSE(injector.receive());  // this is where the held packet goes out
  CHECK(pair.right().receive());
  CHECK_FALSE(readable(injector));
}

}  // namespace
}  // namespace backstop::tun
