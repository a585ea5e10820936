#include "tests/support/link.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/transfer.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

const Conditions bad{.delay = 3ms,
                     .rate = 50'000'000,
                     .queue = 30,
                     .loss = 0.02,
                     .burst_loss = {.to_bad = 0.01, .to_good = 0.3, .in_bad = 0.8},
                     .duplicate = 0.02,
                     .reorder = 0.02,
                     .corrupt = 0.01};

std::string story_of(std::uint64_t seed) {
  TwoHosts hosts{bad, seed};
  auto [first, second] = hosts.connect();
  Source source{first, 200'000};
  Sink sink{second};
  hosts.link.run_until(
      [&] {
        source.run();
        sink.run();
        return sink.ended();
      },
      10min);
  CHECK(sink.right());
  CHECK(sink.received() == 200'000);
  return hosts.link.story().text();
}

TEST_CASE("link: the same seed gives the same story, another one another") {
  const std::string story = story_of(1);
  CHECK(story == story_of(1));
  CHECK(story != story_of(2));
}

TEST_CASE("link: the delay is exact, each way its own") {
  TwoHosts hosts{{.delay = 10ms}};
  hosts.link.conditions(Way::backward).delay = 30ms;
  auto listener = hosts.second.listen({Ipv4Address{}, 80});
  auto stream = hosts.first.connect({hosts.second.config().address, 80}, hosts.link.now());
  REQUIRE((listener && stream));
  REQUIRE(hosts.link.run_until([&] { return stream->state() == State::established; }, 1s));
  CHECK(hosts.link.now() - Instant{} == 40ms);
}

TEST_CASE("link: drop_next takes a line of the notation") {
  TwoHosts hosts;
  hosts.link.drop_next(Way::backward, "S. 0:0(0) ack 1", 2);
  auto connection = hosts.connect();
  CHECK(hosts.link.lost(Way::backward) == 2);
  CHECK(hosts.link.now() - Instant{} > 1s);
  CHECK(hosts.link.story().text().find("(dropped)") != std::string::npos);
  CHECK_THROWS_WITH(hosts.link.drop_next(Way::forward, "Q"), Catch::Contains("column 1"));
}

TEST_CASE("link: the third segment with text is dropped, and no other") {
  TwoHosts hosts;
  auto [first, second] = hosts.connect();
  hosts.link.drop_nth_text(Way::forward, 3);
  Source source{first, 10'000};
  Sink sink{second};
  REQUIRE(hosts.link.run_until(
      [&] {
        source.run();
        sink.run();
        return sink.ended();
      },
      10s));
  CHECK(hosts.link.lost(Way::forward) == 1);
  CHECK(sink.right());
}

TEST_CASE("link: the rate and the queue bound what gets through") {
  TwoHosts hosts{{.delay = 1ms, .rate = 8'000'000}};  // a million octets a second
  auto [first, second] = hosts.connect();
  Source source{first, 500'000};
  Sink sink{second};
  const Instant begin = hosts.link.now();
  const auto done = [&] {
    source.run();
    sink.run();
    return sink.ended();
  };
  REQUIRE(hosts.link.run_until(done, 10s));
  const Duration took = hosts.link.now() - begin;
  CHECK(took > 500ms);
  CHECK(took < 700ms);
}

TEST_CASE("link: a packet that is too big is refused as routers do, or cut") {
  TwoHosts hosts;
  hosts.link.conditions(Way::forward).mtu = 600;
  auto [first, second] = hosts.connect();
  const auto octets = text(0, 1000);
  REQUIRE(first.write(octets).value_or(0) == 1000);
  hosts.link.run_for(100ms);
  CHECK(hosts.link.story().text().find("(too big)") != std::string::npos);
  CHECK(hosts.link.lost(Way::forward) >= 1);
}

TEST_CASE("link: time goes on to the limit when nothing happens") {
  TwoHosts hosts;
  hosts.link.run_for(5s);
  CHECK_FALSE(hosts.link.step());
  CHECK(hosts.link.packets(Way::forward) == 0);
}

}  // namespace
}  // namespace backstop::test
