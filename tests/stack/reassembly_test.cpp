#include "stack/reassembly.hpp"

#include <algorithm>
#include <random>

#include "stack/wire/checksum.hpp"
#include "tests/support/catch.hpp"

namespace backstop {
namespace {

using namespace std::chrono_literals;
using Octets = std::vector<std::byte>;

constexpr Instant start{1h};

Octets counting(std::size_t size) {
  Octets octets(size);
  for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<std::byte>(i * 7 + i / 256);
  return octets;
}

constexpr wire::Ipv4Header a_header{
    .source = Ipv4Address::of(10, 90, 0, 1), .destination = Ipv4Address::of(10, 90, 0, 2), .protocol = 17, .id = 77};

// Fragments of one datagram: its header, and its payload.
struct Original {
  wire::Ipv4Header header = a_header;
  Octets payload = counting(100);
  Octets options{};  // of the IPv4 header, a multiple of four

  /// The packet that carries payload[begin, end).
  [[nodiscard]] Octets fragment(std::size_t begin, std::size_t end) const {
    return packet(begin, Bytes{payload}.subspan(begin, end - begin), end < payload.size());
  }
  /// A packet at that place with any content.
  [[nodiscard]] Octets packet(std::size_t begin, Bytes content, bool more) const {
    wire::Ipv4Header fields = header;
    fields.fragment_offset = static_cast<std::uint16_t>(begin);
    fields.more_fragments = more;
    Octets bytes(wire::ipv4_header_size);
    wire::emit_ipv4(fields, options.size() + content.size(), bytes);
    bytes.insert(bytes.end(), options.begin(), options.end());
    bytes.insert(bytes.end(), content.begin(), content.end());
    seal(bytes, wire::ipv4_header_size + options.size());
    return bytes;
  }

 private:
  static void seal(MutableBytes packet, std::size_t header_size) {
    wire::store8(packet, 0, static_cast<std::uint8_t>(0x40 | header_size / 4));
    wire::store16(packet, 10, 0);
    wire::Checksum checksum;
    checksum.add(packet.first(header_size));
    wire::store16(packet, 10, checksum.finish());
  }
};

class Fixture {
 public:
  explicit Fixture(std::uint32_t max_datagrams = 4) : reassembler(max_datagrams, std::pmr::new_delete_resource()) {}

  std::expected<std::optional<wire::Ipv4Datagram>, Drop> add(const Octets& packet) {
    const auto datagram = wire::parse_ipv4(packet);
    REQUIRE(datagram);
    return reassembler.add(*datagram, now);
  }
  /// True when the packet was kept and its datagram has still to be completed.
  bool waits(const Octets& packet) {
    const auto result = add(packet);
    return result && !*result;
  }
  /// The payload that the packet completed, or nothing.
  std::optional<Octets> completes(const Octets& packet) {
    const auto result = add(packet);
    if (!result || !*result) return std::nullopt;
    return Octets{(*result)->payload.begin(), (*result)->payload.end()};
  }
  /// Why the packet was dropped; Drop::count_ when it was not.
  Drop drops(const Octets& packet) {
    const auto result = add(packet);
    return result ? Drop::count_ : result.error();
  }

  Reassembler reassembler;
  Instant now = start;
};

TEST_CASE("Reassembly: fragments in order make the datagram", "[RFC791]") {
  Fixture t;
  const Original original;
  CHECK(t.reassembler.next_deadline() == never);
  CHECK(t.waits(original.fragment(0, 40)));
  CHECK(t.reassembler.next_deadline() == start + 60s);
  CHECK(t.waits(original.fragment(40, 80)));
  const auto datagram = t.add(original.fragment(80, 100));
  REQUIRE(datagram);
  REQUIRE(*datagram);
  CHECK((*datagram)->header == original.header);
  CHECK(std::ranges::equal((*datagram)->payload, original.payload));
  CHECK(t.reassembler.next_deadline() == never);
}

TEST_CASE("Reassembly: the whole can be quoted, header and options of the first fragment in front", "[RFC791]") {
  Fixture t;
  Original original;
  original.options = Octets(40, std::byte{1});
  const Octets first = original.fragment(0, 48);
  original.options.clear();  // a later fragment need not repeat options
  CHECK(t.waits(original.fragment(48, 100)));
  const auto datagram = t.add(first);
  REQUIRE(datagram);
  REQUIRE(*datagram);
  const Bytes whole = (*datagram)->whole;
  CHECK(whole.size() == 60 + 100);
  CHECK(std::ranges::equal(whole.subspan(60), original.payload));
  const auto again = wire::parse_ipv4(whole);
  REQUIRE(again);
  CHECK_FALSE(again->header.is_fragment());
  CHECK(again->whole.size() == whole.size());
}

TEST_CASE("Reassembly: four fragments in all orders, each twice", "[RFC791]") {
  const Original original;
  const std::vector<Octets> fragments{original.fragment(0, 8), original.fragment(8, 40), original.fragment(40, 96),
                                      original.fragment(96, 100)};
  std::array<std::size_t, 4> order{0, 1, 2, 3};
  do {
    Fixture t;
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(t.waits(fragments[order[i]]));
      CHECK(t.waits(fragments[order[i]]));
    }
    CHECK(t.completes(fragments[order[3]]) == original.payload);
  } while (std::ranges::next_permutation(order).found);
}

TEST_CASE("Reassembly: the largest datagram, in the smallest pieces and in any order") {
  Fixture t{1};
  Original original;
  original.payload = counting(65'515);
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at < 65'515; at += 8) places.push_back(at);
  std::shuffle(places.begin(), places.end(), std::mt19937{1});
  const auto piece = [&](std::size_t at) { return original.fragment(at, std::min<std::size_t>(at + 8, 65'515)); };
  const std::size_t last = places.back();
  places.pop_back();
  CHECK(std::ranges::all_of(places, [&](std::size_t at) { return t.waits(piece(at)); }));
  CHECK(t.completes(piece(last)) == original.payload);
}

TEST_CASE("Reassembly: overlapping fragments spoil their datagram, what comes later included", "[RFC5722]") {
  const Original original;
  // Relative to a piece at [32, 64) that is there already.
  const auto [begin, end] = GENERATE(table<std::size_t, std::size_t>({
      {32, 56},  // the front of it
      {40, 64},  // the back of it
      {40, 56},  // inside
      {24, 40},  // over its front edge
      {56, 72},  // over its back edge
      {24, 72},  // all around
      {24, 64},  // all of it and more in front
      {32, 72},  // all of it and more behind
      {32, 100}  // the last fragment, over it
  }));
  INFO(begin << " to " << end);
  Fixture t;
  CHECK(t.waits(original.fragment(32, 64)));
  CHECK(t.drops(original.fragment(begin, end)) == Drop::fragment_overlap);
  CHECK(t.drops(original.fragment(0, 32)) == Drop::fragment_overlap);
  CHECK(t.drops(original.fragment(64, 100)) == Drop::fragment_overlap);
  t.now += 60s;
  CHECK(t.reassembler.expire(t.now) == 1);
  CHECK(t.waits(original.fragment(0, 32)));
}

TEST_CASE("Reassembly: a piece that spans two earlier ones exactly is no duplicate of either", "[RFC5722]") {
  Fixture t;
  const Original original;
  CHECK(t.waits(original.fragment(0, 16)));
  CHECK(t.waits(original.fragment(16, 32)));
  CHECK(t.drops(original.fragment(0, 32)) == Drop::fragment_overlap);
}

TEST_CASE("Reassembly: the same place with other content is no duplicate", "[RFC5722]") {
  Fixture t;
  const Original original;
  CHECK(t.waits(original.fragment(0, 40)));
  CHECK(t.drops(original.packet(0, Octets(40, std::byte{0xee}), true)) == Drop::fragment_overlap);
}

TEST_CASE("Reassembly: a datagram has one end", "[RFC5722]") {
  Fixture t;
  const Original original;
  SECTION("a second end farther away") {
    CHECK(t.waits(original.packet(40, Octets(8), false)));
    CHECK(t.drops(original.packet(80, Octets(8), false)) == Drop::fragment_overlap);
  }
  SECTION("a second end nearer") {
    CHECK(t.waits(original.packet(40, Octets(8), false)));
    CHECK(t.drops(original.packet(24, Octets(8), false)) == Drop::fragment_overlap);
  }
  SECTION("more fragments behind the end") {
    CHECK(t.waits(original.packet(40, Octets(8), false)));
    CHECK(t.drops(original.packet(48, Octets(8), true)) == Drop::fragment_overlap);
  }
  SECTION("an end in front of what is there") {
    CHECK(t.waits(original.packet(40, Octets(8), true)));
    CHECK(t.drops(original.packet(24, Octets(8), false)) == Drop::fragment_overlap);
  }
  SECTION("the same piece, once as the last and once not") {
    CHECK(t.waits(original.packet(40, Octets(8), true)));
    CHECK(t.drops(original.packet(40, Octets(8), false)) == Drop::fragment_overlap);
  }
}

TEST_CASE("Reassembly: fragments that cannot be are dropped and spoil nothing") {
  Fixture t;
  const Original original;
  CHECK(t.waits(original.fragment(0, 40)));
  CHECK(t.drops(original.packet(40, Octets(12), true)) == Drop::fragment_malformed);
  CHECK(t.drops(original.packet(40, {}, true)) == Drop::fragment_malformed);
  CHECK(t.drops(original.packet(40, {}, false)) == Drop::fragment_malformed);
  CHECK(t.drops(original.packet(65'528, Octets(8), false)) == Drop::fragment_malformed);
  CHECK(t.drops(original.packet(65'512, Octets(4), false)) == Drop::fragment_malformed);
  CHECK(t.drops(original.packet(64'000, Octets(1600), true)) == Drop::fragment_malformed);
  CHECK(t.completes(original.fragment(40, 100)) == original.payload);
}

TEST_CASE("Reassembly: options that push the whole past 65,535 octets") {
  Fixture t{1};
  Original original;
  original.payload = counting(65'512);
  original.options = Octets(4, std::byte{1});
  CHECK(t.waits(original.fragment(0, 32'000)));
  CHECK(t.drops(original.fragment(32'000, 65'512)) == Drop::fragment_malformed);
  CHECK(t.reassembler.next_deadline() == never);
}

TEST_CASE("Reassembly: id, protocol and both addresses tell datagrams apart", "[RFC791]") {
  Fixture t{5};
  std::vector<Original> originals(5);
  originals[1].header.id = 78;
  originals[2].header.protocol = 6;
  originals[3].header.source = Ipv4Address::of(10, 90, 0, 3);
  originals[4].header.destination = Ipv4Address::of(10, 90, 0, 4);
  for (std::size_t i = 0; i < 5; ++i) originals[i].payload = Octets(100, static_cast<std::byte>(i));
  for (const Original& original : originals) CHECK(t.waits(original.fragment(40, 100)));
  for (const Original& original : originals) CHECK(t.completes(original.fragment(0, 40)) == original.payload);
}

TEST_CASE("Reassembly: what is not complete 60 seconds after its first piece is thrown away", "[RFC1122]") {
  Fixture t;
  const Original original;
  Original later;
  later.header.id = 78;
  CHECK(t.waits(original.fragment(0, 40)));
  t.now += 30s;
  CHECK(t.waits(original.fragment(40, 80)));  // does not put the deadline off
  CHECK(t.waits(later.fragment(0, 40)));
  CHECK(t.reassembler.next_deadline() == start + 60s);
  CHECK(t.reassembler.expire(start + 60s - 1ns) == 0);
  CHECK(t.reassembler.expire(start + 60s) == 1);
  CHECK(t.reassembler.next_deadline() == start + 90s);
  t.now = start + 60s;
  CHECK(t.waits(original.fragment(80, 100)));
  CHECK(t.completes(later.fragment(40, 100)) == later.payload);
}

TEST_CASE("Reassembly: a late piece does not complete a datagram that nobody has thrown away yet", "[RFC1122]") {
  Fixture t;
  const Original original;
  CHECK(t.waits(original.fragment(0, 40)));
  t.now += 2h;
  CHECK(t.waits(original.fragment(40, 100)));
  CHECK(t.reassembler.expire(t.now) == 1);
}

TEST_CASE("Reassembly: when there is no room, the oldest datagram goes") {
  Fixture t{2};
  std::vector<Original> originals(3);
  for (std::size_t i = 0; i < 3; ++i) originals[i].header.id = static_cast<std::uint16_t>(i);
  CHECK(t.waits(originals[0].fragment(0, 40)));
  CHECK(t.waits(originals[1].fragment(0, 40)));
  CHECK(t.waits(originals[0].fragment(40, 80)));
  CHECK(t.reassembler.take_evicted() == 0);
  CHECK(t.waits(originals[2].fragment(0, 40)));
  CHECK(t.reassembler.take_evicted() == 1);
  CHECK(t.reassembler.take_evicted() == 0);
  CHECK(t.completes(originals[1].fragment(40, 100)) == originals[1].payload);
  CHECK(t.waits(originals[0].fragment(80, 100)));
  CHECK(t.completes(originals[2].fragment(40, 100)) == originals[2].payload);
}

TEST_CASE("Reassembly: switched off") {
  Fixture t{0};
  CHECK(t.drops(Original{}.fragment(0, 40)) == Drop::fragment_no_room);
  CHECK(t.reassembler.next_deadline() == never);
  CHECK(t.reassembler.expire(never) == 0);
}

TEST_CASE("Reassembly: a congestion mark on one fragment marks the whole", "[RFC3168]") {
  Fixture t;
  Original ect;
  ect.header.tos = 0x28 | 2;
  Original marked = ect;
  marked.header.tos = 0x28 | 3;
  Original not_ect = ect;
  not_ect.header.tos = 0x28;
  SECTION("among capable ones") {
    CHECK(t.waits(ect.fragment(0, 40)));
    const auto datagram = t.add(marked.fragment(40, 100));
    REQUIRE(datagram);
    REQUIRE(*datagram);
    CHECK((*datagram)->header.tos == (0x28 | 3));
  }
  SECTION("among one that is not capable") {
    CHECK(t.waits(not_ect.fragment(0, 40)));
    CHECK(t.drops(marked.fragment(40, 100)) == Drop::fragment_malformed);
  }
}

TEST_CASE("Reassembly: takes no more memory than it says") {
  std::vector<std::byte> arena(Reassembler::required_memory(3));
  std::pmr::monotonic_buffer_resource memory{arena.data(), arena.size(), std::pmr::null_memory_resource()};
  Reassembler reassembler{3, &memory};
  CHECK(reassembler.next_deadline() == never);
}

}  // namespace
}  // namespace backstop
