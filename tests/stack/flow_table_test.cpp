#include "stack/flow_table.hpp"

#include <random>
#include <unordered_map>

#include "tests/support/catch.hpp"

namespace backstop {
namespace {

constexpr std::array<std::uint8_t, 16> secret{9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6};
constexpr Endpoint here{Ipv4Address::of(10, 90, 0, 2), 80};

FourTuple from_port(std::uint16_t port) { return {.local = here, .remote = {Ipv4Address::of(10, 90, 0, 1), port}}; }

TEST_CASE("Flow table: what was inserted is found, and nothing else") {
  FlowTable table{4, secret, std::pmr::new_delete_resource()};
  const auto tuple_of = [](std::uint32_t slot) { return from_port(static_cast<std::uint16_t>(slot + 1000)); };
  CHECK(table.find(from_port(1000), tuple_of) == FlowTable::no_slot);
  for (std::uint32_t slot = 0; slot < 4; ++slot) table.insert(tuple_of(slot), slot);
  CHECK(table.size() == 4);
  for (std::uint32_t slot = 0; slot < 4; ++slot) CHECK(table.find(tuple_of(slot), tuple_of) == slot);
  CHECK(table.find(from_port(1004), tuple_of) == FlowTable::no_slot);
  CHECK(table.find({.local = from_port(1000).remote, .remote = here}, tuple_of) == FlowTable::no_slot);
  const auto tag_of = [&](std::uint32_t slot) { return table.hash(tuple_of(slot)); };
  CHECK_FALSE(table.erase(tag_of(0), 1, tag_of));
  CHECK(table.erase(tag_of(0), 0, tag_of));
  CHECK_FALSE(table.erase(tag_of(0), 0, tag_of));
  CHECK(table.find(from_port(1000), tuple_of) == FlowTable::no_slot);
  CHECK(table.find(from_port(1003), tuple_of) == 3);
  CHECK(table.size() == 3);
}

TEST_CASE("Flow table: a table without room is empty and can be asked") {
  FlowTable table{0, secret, std::pmr::new_delete_resource()};
  CHECK(table.find(from_port(1), [](std::uint32_t) { return FourTuple{}; }) == FlowTable::no_slot);
  CHECK_FALSE(table.erase(table.hash(from_port(1)), 0, [](std::uint32_t) { return std::uint32_t{0}; }));
}

TEST_CASE("Flow table: memory that was not zero to begin with does no harm, and no more is taken than said") {
  std::vector<std::byte> arena(FlowTable::required_memory(100), std::byte{0xaa});
  std::pmr::monotonic_buffer_resource memory{arena.data(), arena.size(), std::pmr::null_memory_resource()};
  FlowTable table{100, secret, &memory};
  CHECK(table.find(from_port(1), [](std::uint32_t) { return FourTuple{}; }) == FlowTable::no_slot);
}

struct TupleHash {
  std::size_t operator()(const FourTuple& tuple) const {
    return std::hash<std::uint64_t>{}((std::uint64_t{tuple.remote.address.value} << 16) | tuple.remote.port);
  }
};

// The same calls on a flow table and on std::unordered_map. Few tuples, so that most calls meet one that is there.
class Pair {
 public:
  explicit Pair(std::uint64_t seed) : random_(seed), table_(entries, secret, std::pmr::new_delete_resource()) {}

  void step() {
    const FourTuple tuple = a_tuple();
    const auto found = map_.find(tuple);
    REQUIRE(find(tuple) == (found == map_.end() ? FlowTable::no_slot : found->second));
    if (found != map_.end()) {
      if (random_() % 2 == 0) erase(tuple, found->second);
    } else if (map_.size() < entries) {
      insert(tuple);
    }
    REQUIRE(table_.size() == map_.size());
  }

  void check_all() {
    for (const auto& [tuple, slot] : map_) REQUIRE(find(tuple) == slot);
  }

 private:
  static constexpr std::uint32_t entries = 64;

  FourTuple a_tuple() {
    const auto number = static_cast<std::uint32_t>(random_() % 128);
    return {.local = here, .remote = {{number / 16}, static_cast<std::uint16_t>(number % 16)}};
  }
  [[nodiscard]] std::uint32_t find(const FourTuple& tuple) {
    return table_.find(tuple, [this](std::uint32_t slot) -> const FourTuple& { return tuples_[slot]; });
  }
  void insert(const FourTuple& tuple) {
    std::uint32_t slot = 0;
    while (tuples_[slot] != FourTuple{}) ++slot;
    tuples_[slot] = tuple;
    REQUIRE(table_.insert(tuple, slot) == table_.hash(tuple));
    map_.emplace(tuple, slot);
  }
  void erase(const FourTuple& tuple, std::uint32_t slot) {
    REQUIRE(table_.erase(table_.hash(tuple), slot, [this](std::uint32_t s) { return table_.hash(tuples_[s]); }));
    tuples_[slot] = {};
    map_.erase(tuple);
  }

  std::mt19937_64 random_;
  FlowTable table_;
  std::array<FourTuple, entries> tuples_{};
  std::unordered_map<FourTuple, std::uint32_t, TupleHash> map_;
};

TEST_CASE("Flow table agrees with std::unordered_map, whatever is done to both") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    Pair pair{seed};
    for (int step = 0; step < 2000; ++step) pair.step();
    pair.check_all();
  }
}

// Places that a search for a present tuple looks at, in the mean. With linear probing the sum of all distances from
// home does not depend on the order of insertion, so the hashes alone tell it.
double mean_probes(const FlowTable& table, const std::vector<FourTuple>& tuples) {
  const std::size_t places = FlowTable::places(static_cast<std::uint32_t>(tuples.size()));
  std::vector<bool> taken(places);
  std::size_t probes = 0;
  for (const FourTuple& tuple : tuples) {
    std::size_t at = table.hash(tuple) % places;
    for (++probes; taken[at]; ++probes) at = (at + 1) % places;
    taken[at] = true;
  }
  return static_cast<double>(probes) / static_cast<double>(tuples.size());
}

struct Pattern {
  const char* name;
  FourTuple (*tuple)(std::uint32_t number);
};

constexpr std::uint16_t low(std::uint32_t number) { return static_cast<std::uint16_t>(number); }

constexpr std::array<Pattern, 5> patterns{{
    {"ports one after the other", [](std::uint32_t i) { return from_port(low(i)); }},
    {"addresses one after the other",
     [](std::uint32_t i) { return FourTuple{.local = here, .remote = {{0x0a00'0000 + i}, 40'000}}; }},
    {"networks one after the other",
     [](std::uint32_t i) { return FourTuple{.local = here, .remote = {{i << 16}, 40'000}}; }},
    {"every port asked for, from one client",
     [](std::uint32_t i) { return FourTuple{.local = {here.address, low(i)}, .remote = from_port(7).remote}; }},
    {"the same port at both ends",
     [](std::uint32_t i) { return FourTuple{.local = {here.address, low(i)}, .remote = {here.address, low(i)}}; }},
}};

TEST_CASE("Flow table: tuples that differ in a regular way do not crowd, even half full") {
  constexpr std::uint32_t count = 32'768;
  const FlowTable table{count, secret, std::pmr::new_delete_resource()};
  for (const Pattern& pattern : patterns) {
    INFO(pattern.name);
    std::vector<FourTuple> tuples;
    for (std::uint32_t i = 0; i < count; ++i) tuples.push_back(pattern.tuple(i));
    // Why: at load 1/2 a random function gives 1.5 (Knuth, volume 3, section 6.4).
    const double mean = mean_probes(table, tuples);
    CHECK(mean > 1.45);
    CHECK(mean < 1.55);
  }
}

TEST_CASE("Flow table: a lookup costs the same among ten connections and among a million", "[fallback-lookup]") {
  for (const std::uint32_t count : {10u, 1000u, 100'000u, 1'000'000u}) {
    INFO(count << " connections");
    const FlowTable table{count, secret, std::pmr::new_delete_resource()};
    std::vector<FourTuple> tuples;
    for (std::uint32_t i = 0; i < count; ++i) tuples.push_back(patterns[1].tuple(i));
    CHECK(mean_probes(table, tuples) < 1.6);  // at load 1/2 a random function gives 1.5
  }
}

TEST_CASE("Flow table: the secret decides who collides") {
  const FlowTable one{4, secret, std::pmr::new_delete_resource()};
  const FlowTable other{4, {}, std::pmr::new_delete_resource()};
  CHECK(one.hash(from_port(1)) != other.hash(from_port(1)));
}

}  // namespace
}  // namespace backstop
