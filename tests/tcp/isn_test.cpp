#include "stack/tcp/isn.hpp"

#include <set>

#include "tests/support/catch.hpp"

namespace backstop::tcp {
namespace {

using namespace std::chrono_literals;

constexpr Secret secret{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
constexpr Secret other_secret{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17};
constexpr FourTuple tuple{.local = {Ipv4Address::of(10, 90, 0, 2), 80},
                          .remote = {Ipv4Address::of(10, 90, 0, 1), 40000}};

Instant at(Duration since_epoch) { return Instant{since_epoch}; }

TEST_CASE("ISN: the clock ticks every 4 microseconds", "[3.4.1][MUST-8]") {
  const SeqNum start = initial_sequence_number(secret, tuple, at(0ns));
  CHECK(initial_sequence_number(secret, tuple, at(3999ns)) - start == 0);
  CHECK(initial_sequence_number(secret, tuple, at(4us)) - start == 1);
  CHECK(initial_sequence_number(secret, tuple, at(1s)) - start == 250'000);
  CHECK(initial_sequence_number(secret, tuple, at(2h)) - start == 1'800'000'000);
}

TEST_CASE("ISN: the clock wraps after 2^32 ticks and has no step at the driver's epoch", "[3.4.1][MUST-8]") {
  const SeqNum start = initial_sequence_number(secret, tuple, at(0ns));
  CHECK(initial_sequence_number(secret, tuple, at(4000ns * (std::int64_t{1} << 32))) == start);
  CHECK(start - initial_sequence_number(secret, tuple, at(-1ns)) == 1);
  CHECK(start - initial_sequence_number(secret, tuple, at(-4us)) == 1);
  CHECK(initial_sequence_number(secret, tuple, never) != initial_sequence_number(secret, tuple, immediately));
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
    numbers.insert(initial_sequence_number(secret, each, at(0ns)).value());
    numbers.insert(initial_sequence_number(other_secret, each, at(0ns)).value());
  }
  CHECK(numbers.size() == 12);
}

TEST_CASE("Timestamp offset: one for each tuple, and not to be told from its ISN") {
  std::set<std::uint32_t> offsets;
  for (const FourTuple& each : tuples_that_differ_in_one_place()) {
    offsets.insert(timestamp_offset(secret, each));
    offsets.insert(timestamp_offset(other_secret, each));
    offsets.insert(initial_sequence_number(secret, each, at(0ns)).value());
  }
  CHECK(offsets.size() == 18);
  CHECK(timestamp_offset(secret, tuple) == timestamp_offset(secret, tuple));
}

}  // namespace
}  // namespace backstop::tcp
