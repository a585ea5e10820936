// Explicit listeners and live connections come before the fallback: decided per SYN, at that instant.
#include "tests/fallback/bench.hpp"
#include "tests/support/catch.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

constexpr Ipv4Address other_address = Ipv4Address::of(10, 0, 0, 3);

TEST_CASE("Fallback: a listener on another address leaves the port to the fallback", "[fallback-11]") {
  Bench b({}, [](Config& config) { config.any_ip = true; });
  Calls calls;
  const auto handle = b.fallback.register_handler(declining(calls));
  b.t.stop_listening();
  const auto listener = b.t.stack().listen({other_address, 80});
  REQUIRE(listener);
  b.t.between(80, 40'000);
  b.syn();
  b.expect_reset();
  REQUIRE(calls.count() == 1);
  CHECK(calls.asked[0].tuple.local == Endpoint{Scenario::default_local.address, 80});
}

TEST_CASE("Fallback: exact address first, then any address, then the fallback", "[fallback-11]") {
  Bench b;
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  b.t.stop_listening();
  auto any = b.t.stack().listen({{}, unclaimed_port});
  auto exact = b.t.stack().listen({Scenario::default_local.address, unclaimed_port});
  REQUIRE(any);
  REQUIRE(exact);
  b.establish();
  const auto first = exact->accept();
  CHECK(first);
  CHECK_FALSE(any->accept());
  exact->reset();
  b.t.between(unclaimed_port, 40'001);
  b.establish();
  const auto second = any->accept();
  CHECK(second);
  any->reset();
  CHECK(calls.count() == 0);
  b.t.between(unclaimed_port, 40'002);
  b.establish();
  CHECK(calls.count() == 1);
}

TEST_CASE("Fallback: a listener that opens where the fallback served gets every new flow", "[fallback-12]") {
  Bench b({}, [](Config& config) { config.max_connections = 256; });
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  b.establish();
  REQUIRE(calls.count() == 1);
  auto listener = b.t.stack().listen({{}, unclaimed_port});
  REQUIRE(listener);
  int accepted = 0;
  for (std::uint16_t port = 41'000; port < 41'100; ++port) {
    b.t.between(unclaimed_port, port);
    b.establish();
    if (listener->accept()) ++accepted;
    b.t.ignore_sent();
  }
  CHECK(accepted == 100);
  CHECK(calls.count() == 1);
  CHECK(b.fallback.gauges().served == 1);
}

TEST_CASE("Fallback: when the listener closes, the next SYN is asked about", "[fallback-13]") {
  Bench b;
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  auto listener = b.t.stack().listen({{}, unclaimed_port});
  REQUIRE(listener);
  b.establish();
  CHECK(calls.count() == 0);
  const auto kept = listener->accept();
  listener->reset();
  b.t.between(unclaimed_port, 40'001);
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(calls.count() == 1);
}

TEST_CASE("Fallback: a full backlog is the listener's business", "[fallback-14]") {
  Bench b;
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  const auto listener = b.t.stack().listen({{}, unclaimed_port}, {.backlog = 1});
  REQUIRE(listener);
  b.establish();  // and not accepted
  b.t.between(unclaimed_port, 40'001);
  b.syn();
  b.t.silence();
  CHECK(calls.count() == 0);
  CHECK(b.t.stack().statistics().dropped(Drop::tcp_backlog_full) == 1);
}

TEST_CASE("Fallback: a SYN on a live connection is challenged, and nobody is asked", "[fallback-15]") {
  Bench b;
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  b.establish();
  b.t.inject("S 5000:5000(0) win 65535");
  b.t.expect(". 1:1(0) ack 1");  // RFC 5961 section 4
  CHECK(calls.count() == 1);
  CHECK(b.fallback.gauges().served == 1);
}

TEST_CASE("Fallback: a SYN that may reopen a connection in TIME-WAIT is asked about", "[fallback-15]") {
  Bench b;
  Calls calls;
  const auto close_at_once = [](Stream stream) -> Task {
    (void)stream.close();
    co_await closed(stream);
  };
  const auto handle = b.fallback.register_handler([&](const SynInfo& syn) {
    calls.asked.push_back(syn);
    return FallbackDecision::accept(close_at_once);
  });
  b.establish();
  b.t.expect("F. 1:1(0) ack 1");
  b.t.inject("F. 1:1(0) ack 2");
  b.t.expect(". 2:2(0) ack 2");
  b.run();
  SECTION("an old duplicate is answered by the old connection") {
    b.t.inject("S 0:0(0) win 65535");
    b.t.expect(". 2:2(0) ack 2");
    CHECK(calls.count() == 1);
  }
  SECTION("a new one beyond what was received asks for a new connection") {
    b.t.inject("S 100:100(0) win 65535");
    b.t.expect("S. ack 101");
    CHECK(calls.count() == 2);
  }
}

}  // namespace
}  // namespace backstop::test
