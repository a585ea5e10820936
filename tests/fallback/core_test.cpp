// The core of what the fallback manager promises: who is asked, and what goes over the wire then.
#include "tests/fallback/bench.hpp"
#include "tests/support/catch.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Fallback: without a handler a SYN is refused in the same poll", "[fallback-1]") {
  Bench b;
  CHECK_FALSE(b.fallback.observing());
  b.syn();
  b.expect_reset();
  b.t.inject(". 501:501(0) ack 1001");  // a stray ACK: RST with its ack as sequence number
  const wire::Segment& reset = b.t.expect("R 1001:1001(0)");
  CHECK_FALSE(reset.has_ack());
  b.t.inject("R 501:501(0)");
  b.t.silence();
  CHECK(b.t.stack().connections() == 0);
  CHECK(b.fallback.counters().syns == 0);
}

TEST_CASE("Fallback: a handler that declines is asked once, with the exact addresses; then RST", "[fallback-2]") {
  Bench b;
  std::vector<std::pair<Endpoint, Endpoint>> asked;
  const auto handle = b.fallback.register_handler([&](const Endpoint& source, const Endpoint& destination) {
    asked.emplace_back(source, destination);
    return FallbackDecision::decline();
  });
  CHECK(b.fallback.observing());
  b.syn();
  b.expect_reset();
  b.t.silence(10s);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].first == Endpoint{Scenario::default_remote.address, 40'000});
  CHECK(asked[0].second == Endpoint{Scenario::default_local.address, unclaimed_port});
  CHECK(b.fallback.counters().of(Verdict::declined) == 1);
}

TEST_CASE("Fallback: a claim answers the first SYN at once, and is served when established", "[fallback-3]") {
  Bench b;
  std::vector<std::pair<Endpoint, Endpoint>> served;
  const auto serve = [&](Stream stream) {
    served.emplace_back(stream.local(), stream.remote());
    return echo_text(std::move(stream));
  };
  const auto handle =
      b.fallback.register_handler([&](const SynInfo&) { return FallbackDecision::accept(std::ref(serve)); });
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  b.run();
  CHECK(served.empty());
  CHECK(b.fallback.gauges().half_open == 1);
  b.t.inject(". 1:1(0) ack 1");
  b.run();
  REQUIRE(served.size() == 1);
  CHECK(served[0].first == Endpoint{Scenario::default_local.address, unclaimed_port});
  CHECK(served[0].second == Endpoint{Scenario::default_remote.address, 40'000});
  CHECK(b.fallback.gauges().served == 1);

  b.t.inject("P. 1:101(100) ack 1");
  b.run();
  b.t.expect("P. 1:101(100) ack 101");
  b.t.inject("F. 101:101(0) ack 101");
  b.run();
  b.t.expect("F. 101:101(0) ack 102");
  b.t.inject(". 102:102(0) ack 102");
  b.run();
  CHECK(served.size() == 1);
  CHECK(b.idle());
  CHECK(b.executor.tasks() == 0);
}

TEST_CASE("Fallback: a claim without a handler is a rejection, and nobody else is asked", "[fallback-4]") {
  Bench b;
  Calls later;
  const auto first = b.fallback.register_handler(
      [](const Endpoint&, const Endpoint&) { return std::pair{ConnectionHandler{}, true}; });
  const auto second = b.fallback.register_handler(accepting(later));
  b.syn();
  b.expect_reset();
  CHECK(later.count() == 0);
  CHECK(b.fallback.counters().of(Verdict::rejected) == 1);
}

TEST_CASE("Fallback: the pair (handler?, intercept) says the same as the decisions", "[fallback-4]") {
  Bench b;
  bool intercept = false;
  const auto handle = b.fallback.register_handler(
      [&](const Endpoint&, const Endpoint&) { return std::pair{ConnectionHandler{echo_text}, intercept}; });
  b.syn();
  b.expect_reset();
  CHECK(b.fallback.counters().of(Verdict::declined) == 1);
  intercept = true;
  b.t.between(unclaimed_port, 40'001);
  b.establish();
  CHECK(b.fallback.gauges().served == 1);
}

TEST_CASE("Fallback: the first handler that does not decline wins", "[fallback-5]") {
  Bench b;
  Calls first;
  Calls second;
  Calls third;
  const auto h1 = b.fallback.register_handler(declining(first));
  const auto h2 = b.fallback.register_handler(accepting(second));
  const auto h3 = b.fallback.register_handler(accepting(third));
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(first.count() == 1);
  CHECK(second.count() == 1);
  CHECK(third.count() == 0);
}

TEST_CASE("Fallback: a higher priority is asked first, whenever it came", "[fallback-5]") {
  Bench b;
  std::string order;
  const auto asked = [&](char name) {
    return [&order, name](const SynInfo&) {
      order += name;
      return FallbackDecision::decline();
    };
  };
  const auto a = b.fallback.register_handler(asked('a'));
  const auto c = b.fallback.register_handler(asked('c'), {.priority = -1});
  const auto d = b.fallback.register_handler(asked('d'), {.priority = 5});
  const auto e = b.fallback.register_handler(asked('e'));
  const auto f = b.fallback.register_handler(asked('f'), {.priority = 5});
  b.syn();
  b.expect_reset();
  CHECK(order == "dfaec");
}

TEST_CASE("Fallback: a retransmitted SYN asks nobody again", "[fallback-6]") {
  Bench b;
  Calls calls;
  SECTION("declined") {
    const auto handle = b.fallback.register_handler(declining(calls));
    b.syn();
    b.expect_reset();
    b.advance(1s);
    b.syn();
    b.expect_reset();
    CHECK(b.fallback.counters().repeated == 1);
  }
  SECTION("dropped") {
    const auto handle = b.fallback.register_handler(refusing(calls, {.kind = Refusal::Kind::drop}));
    for (const auto wait : {0s, 1s, 2s, 4s, 8s, 16s, 32s}) {  // as Linux sends them
      b.advance(wait);
      b.syn();
      b.t.silence();
    }
    CHECK(b.fallback.counters().repeated == 6);
  }
  SECTION("accepted") {
    const auto handle = b.fallback.register_handler(accepting(calls));
    b.syn();
    b.t.expect("S. 0:0(0) ack 1");
    b.syn();
    b.t.expect("S. 0:0(0) ack 1");
    CHECK(b.fallback.gauges().half_open == 1);
  }
  SECTION("unreachable") {
    const auto handle = b.fallback.register_handler(refusing(calls, {.kind = Refusal::Kind::unreachable}));
    b.syn();
    b.t.expect("icmp: 10.0.0.2 tcp port 7 unreachable [seq 0]");
    b.syn();
    b.t.expect("icmp: 10.0.0.2 tcp port 7 unreachable [seq 0]");
    CHECK(b.fallback.counters().repeated == 1);
  }
  CHECK(calls.count() == 1);
}

TEST_CASE("Fallback: a SYN with another ISN is another flow", "[fallback-6]") {
  Bench b;
  Calls calls;
  const auto handle = b.fallback.register_handler(declining(calls));
  b.syn();
  b.expect_reset();
  b.t.inject("S 1000:1000(0) win 65535");
  b.t.expect("R. ack 1001");
  REQUIRE(calls.count() == 2);
  CHECK(calls.asked[1].irs - calls.asked[0].irs == 1000);
}

TEST_CASE("Fallback: a verdict is not remembered for ever, nor beyond a change of the handlers", "[fallback-6]") {
  Bench b;
  Calls calls;
  Calls others;
  const auto handle = b.fallback.register_handler(declining(calls));
  b.syn();
  b.expect_reset();
  const auto other = b.fallback.register_handler(refusing(others));
  b.syn();
  b.expect_reset();
  CHECK(others.count() == 1);
  b.advance(65s);
  b.syn();
  b.expect_reset();
  CHECK(others.count() == 2);
}

TEST_CASE("Fallback: after deregistration the plain RST is back, and nobody is called", "[fallback-7]") {
  Bench b;
  Calls calls;
  auto handle = b.fallback.register_handler(accepting(calls));
  CHECK(handle);
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  handle.reset();
  CHECK_FALSE(handle);
  CHECK_FALSE(b.fallback.observing());
  b.t.between(unclaimed_port, 40'001);
  b.syn();
  b.expect_reset();
  CHECK(calls.count() == 1);
  handle.reset();  // twice does nothing
}

TEST_CASE("Fallback: handlers may leave in any order, moved about, and after the manager", "[fallback-7]") {
  Calls calls;
  FallbackHandle survivor;
  {
    Bench b;
    auto first = b.fallback.register_handler(declining(calls));
    auto second = b.fallback.register_handler(declining(calls));
    survivor = b.fallback.register_handler(refusing(calls));
    first = std::move(second);  // the first leaves
    b.syn();
    b.expect_reset();
    CHECK(calls.count() == 2);
  }
  CHECK(survivor);
  survivor.reset();
}

TEST_CASE("Fallback: when the last handler leaves and a new one comes, no SYN is lost", "[fallback-8]") {
  Bench b;
  Calls before;
  Calls after;
  auto handle = b.fallback.register_handler(declining(before));
  b.syn();
  b.expect_reset();
  handle.reset();
  handle = b.fallback.register_handler(accepting(after));
  b.t.between(unclaimed_port, 40'001);
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(before.count() == 1);
  CHECK(after.count() == 1);
}

TEST_CASE("Fallback: a live connection outlives its handler, both ways, to a clean close", "[fallback-9]") {
  Bench b;
  Calls calls;
  auto handle = b.fallback.register_handler(accepting(calls));
  b.establish();
  handle.reset();
  b.run();
  CHECK(b.fallback.gauges().served == 1);
  b.t.inject("P. 1:11(10) ack 1");
  b.run();
  b.t.expect("P. 1:11(10) ack 11");
  b.t.inject("F. 11:11(0) ack 11");
  b.run();
  b.t.expect("F. 11:11(0) ack 12");
  b.t.inject(". 12:12(0) ack 12");
  b.t.silence();
  b.run();
  CHECK(b.idle());
}

TEST_CASE("Fallback: a live connection outlives its manager", "[fallback-9]") {
  Bench b;
  Calls calls;
  auto manager = std::make_optional<FallbackManager>(b.t.stack(), b.executor);
  const auto handle = manager->register_handler(accepting(calls));
  b.establish();
  manager.reset();
  b.t.inject("P. 1:11(10) ack 1");
  b.run();
  b.t.expect("P. 1:11(10) ack 11");
  b.t.inject("F. 11:11(0) ack 11");
  b.run();
  b.t.expect("F. 11:11(0) ack 12");
  CHECK(b.executor.tasks() == 0);
}

TEST_CASE("Fallback: with any-IP the answer comes from the address asked for", "[fallback-10]") {
  const bool any_ip = GENERATE(true, false);
  Bench b({}, [&](Config& config) { config.any_ip = any_ip; });
  Calls calls;
  const auto handle = b.fallback.register_handler(declining(calls));
  const auto elsewhere = Ipv4Address::of(203, 0, 113, 9);
  const wire::Segment syn{.source_port = 40'000,
                          .destination_port = unclaimed_port,
                          .seq = SeqNum{5},
                          .ack = {},
                          .flags = wire::Flag::syn,
                          .window = 1000,
                          .options = {},
                          .text = {}};
  b.t.inject_packet(tcp_packet({.source = Scenario::default_remote.address, .destination = elsewhere}, syn));
  if (any_ip) {
    const Packet answer = b.t.take_packet();
    const auto datagram = wire::parse_ipv4(answer);
    REQUIRE(datagram);
    CHECK(datagram->header.source == elsewhere);
    const auto reset = wire::parse_segment(*datagram);
    CHECK(reset->flags == (wire::Flag::rst | wire::Flag::ack));
    CHECK(reset->seq == SeqNum{0});
    CHECK(reset->ack == SeqNum{6});
    REQUIRE(calls.count() == 1);
    CHECK(calls.asked[0].tuple.local == Endpoint{elsewhere, unclaimed_port});
  } else {
    b.t.silence();
    CHECK(calls.count() == 0);
    CHECK(b.t.stack().statistics().dropped(Drop::ip_not_for_us) == 1);
  }
}

}  // namespace
}  // namespace backstop::test
