#include "stack/tcp/isn.hpp"

#include <set>

#include "tests/support/catch.hpp"

namespace backstop::tcp {
namespace {

using namespace std::chrono_literals;

constexpr SipKey secret{Secret{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
constexpr SipKey other_secret{Secret{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17}};
constexpr FourTuple tuple{.local = {Ipv4Address::of(10, 90, 0, 2), 80},
                          .remote = {Ipv4Address::of(10, 90, 0, 1), 40000}};

Instant at(Duration since_epoch) { return Instant{since_epoch}; }
SeqNum isn_of(const SipKey& key, const FourTuple& of, Instant now) { return first_numbers(key, of, now).isn; }

TEST_CASE("ISN: the clock ticks every 4 microseconds", "[3.4.1][MUST-8]") {
  const SeqNum start = isn_of(secret, tuple, at(0ns));
  CHECK(isn_of(secret, tuple, at(3999ns)) - start == 0);
  CHECK(isn_of(secret, tuple, at(4us)) - start == 1);
  CHECK(isn_of(secret, tuple, at(1s)) - start == 250'000);
  CHECK(isn_of(secret, tuple, at(2h)) - start == 1'800'000'000);
}

TEST_CASE("ISN: the clock wraps after 2^32 ticks and has no step at the driver's epoch", "[3.4.1][MUST-8]") {
  const SeqNum start = isn_of(secret, tuple, at(0ns));
  CHECK(isn_of(secret, tuple, at(4000ns * (std::int64_t{1} << 32))) == start);
  CHECK(start - isn_of(secret, tuple, at(-1ns)) == 1);
  CHECK(start - isn_of(secret, tuple, at(-4us)) == 1);
  CHECK(isn_of(secret, tuple, never) != isn_of(secret, tuple, immediately));
}

std::vector<FourTuple> tuples_that_differ_in_one_place() {
  std::vector<FourTuple> tuples(5, tuple);
  ++tuples[1].local.address.value;
  ++tuples[2].local.port;
  ++tuples[3].remote.address.value;
  ++tuples[4].remote.port;
  tuples.push_back({.local = tuple.remote, .remote = tuple.local});
  return tuples;
}

TEST_CASE("ISN: without the secret, one tuple's number tells nothing of another's", "[3.4.1][MUST-9][SHLD-1]") {
  std::set<std::uint32_t> numbers;
  for (const FourTuple& each : tuples_that_differ_in_one_place()) {
    numbers.insert(isn_of(secret, each, at(0ns)).value());
    numbers.insert(isn_of(other_secret, each, at(0ns)).value());
  }
  CHECK(numbers.size() == 12);
}

TEST_CASE("Timestamp offset: one for each tuple, and not to be told from its ISN") {
  std::set<std::uint32_t> offsets;
  for (const FourTuple& each : tuples_that_differ_in_one_place()) {
    offsets.insert(first_numbers(secret, each, at(0ns)).timestamp_offset);
    offsets.insert(first_numbers(other_secret, each, at(0ns)).timestamp_offset);
    offsets.insert(isn_of(secret, each, at(0ns)).value());
  }
  CHECK(offsets.size() == 18);
  CHECK(first_numbers(secret, tuple, at(1h)).timestamp_offset ==
        first_numbers(secret, tuple, at(0ns)).timestamp_offset);
}

}  // namespace
}  // namespace backstop::tcp
