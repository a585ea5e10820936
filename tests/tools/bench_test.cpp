// `backstop bench`: every case does what it claims to, and medians and ratios are those of the rounds.
#include <algorithm>

#include "tests/support/catch.hpp"
#include "tools/bench/catalogue.hpp"
#include "tools/bench/crowd.hpp"
#include "tools/bench/pair.hpp"
#include "tools/bench/report.hpp"
#include "tools/bench/runner.hpp"
#include "tools/command.hpp"

using namespace backstop;
using namespace backstop::tools::bench;

namespace {

Case case_named(const std::string& name) {
  const auto all = catalogue();
  return *std::ranges::find(all, name, &Case::name);
}

}  // namespace

TEST_CASE("bench: the cases run, and see what they must see") {
  const auto name = GENERATE("probe-copy", "probe-checksum", "probe-copy-checksum", "bulk", "bulk-zero-copy",
                             "bulk-no-checksum", "round-trip", "message-16", "message-16384", "connect", "demux-10",
                             "demux-1000", "timers-1000", "connect-listener", "connect-fallback");
  INFO(name);
  const auto work = case_named(name).make();
  CHECK_NOTHROW(work->run(100));
}

TEST_CASE("bench: each of two cores has work of its own", "[threads]") {
  const auto work = case_named(GENERATE("bulk-2-cores", "probe-2-cores")).make();
  CHECK_NOTHROW(work->run(20));
}

TEST_CASE("bench: a crowd is as many established connections, and its segments find them") {
  Stack stack{configuration(server_address, {.max_connections = 50})};
  const Instant now{std::chrono::seconds{1}};
  Crowd crowd{stack, 50, now};
  CHECK(stack.connections() == 50);
  const auto received = stack.connection_at(33)->info.segments_received;
  crowd.speak(33, now);
  CHECK(stack.connection_at(33)->info.state == State::established);
  CHECK(stack.connection_at(33)->info.segments_received == received + 1);
}

TEST_CASE("bench: a median ratio is taken round by round") {
  const Result fast{{.name = "fast"}, {10, 20, 40}};
  const Result slow{{.name = "slow", .reference = "fast"}, {20, 60, 40}};
  CHECK(median(slow.values) == 40);
  CHECK(median({1, 2}) == 1.5);
  CHECK(median_ratio(slow, fast) == 2);
  CHECK(table_of({fast, slow}).find("2.00 x fast") != std::string::npos);
  CHECK(json_of({fast, slow}).find(R"("reference":"fast","ratio":2.00)") != std::string::npos);
}

TEST_CASE("bench: throughput counts octets, and everything else time") {
  const Case bulk{.name = "bulk", .unit = Unit::gigabits_per_second, .octets = 1000};
  CHECK(value_of(bulk, 10, 8000) == 10);
  CHECK(value_of({.name = "small"}, 10, 8000) == 800);
}

TEST_CASE("bench: a case brings those along that it is divided by, and a wrong name is told") {
  const auto chosen = choose(catalogue(), {"connect-idle"});
  REQUIRE(chosen.size() == 2);
  CHECK(chosen[0].name == "connect");
  CHECK(choose(catalogue(), {}).size() == catalogue().size());
  CHECK_THROWS_AS(choose(catalogue(), {"connnect"}), backstop::tools::UsageError);
}

TEST_CASE("bench: every case is run in every round, in turns") {
  std::string order;
  std::vector<Case> cases;
  for (const char* name : {"a", "b"}) {
    cases.push_back({.name = name, .unit = Unit::octets, .take = [] { return 1.0; }});
  }
  const auto results = run(cases, {.rounds = 2}, [&](int, const Case& measured) { order += measured.name; });
  CHECK(order == "abab");
  CHECK(results[1].values.size() == 1);  // what is taken is taken once
}
