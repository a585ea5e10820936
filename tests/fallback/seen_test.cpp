// What can be seen of the manager's work: counters, events, records of ports, and the flows it holds.
#include <functional>
#include <map>
#include <stdexcept>

#include "tests/fallback/bench.hpp"
#include "tests/support/catch.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

using Decide = std::function<FallbackDecision(Consultation&)>;

FallbackDecision accept_echo(Consultation&) { return FallbackDecision::accept(echo_text); }

Task throw_up(Stream stream) {
  const Stream kept = std::move(stream);
  throw std::runtime_error("a connection handler fails");
  co_return;
}

std::string line_of(const FlowEvent& event) {
  std::string line{to_string(event.step)};
  if (event.step == Step::decided) line += " " + std::string(to_string(event.verdict));
  if (event.cause != Cause::none) line += " (" + std::string(to_string(event.cause)) + ")";
  return line;
}

// What was told of each flow.
struct Told {
  void watch(FallbackManager& manager) {
    manager.on_flow_event([this](const FlowEvent& event) { events[event.flow].push_back(event); });
  }
  std::string told(std::uint64_t flow) {
    std::string lines;
    for (const FlowEvent& event : events[flow]) lines += (lines.empty() ? "" : ", ") + line_of(event);
    return lines;
  }
  std::map<std::uint64_t, std::vector<FlowEvent>> events;
};

// A bench whose handler does what the test says, and where every SYN is a new peer's.
struct SeenBench : Told, Bench {
  explicit SeenBench(FallbackOptions options = {}) : Bench(std::move(options)) {
    watch(fallback);
    handle = fallback.register_handler([this](Consultation& about) { return decide(about); });
  }

  void new_peer() { t.between(unclaimed_port, ++peer); }
  void syn(Decide how) {
    decide = std::move(how);
    new_peer();
    Bench::syn();
    t.ignore_sent();
  }
  void defer(Duration timeout = 5s) {
    syn([this, timeout](Consultation& about) {
      token = about.defer({.timeout = timeout});
      return FallbackDecision::defer();
    });
  }
  void from_peer(std::string_view line) {
    t.inject(line);
    run();
    t.ignore_sent();
  }
  void establish(Decide how = accept_echo) {
    syn(std::move(how));
    from_peer(". 1:1(0) ack 1");
  }

  std::uint16_t peer = 1000;
  Decide decide = accept_echo;
  DeferToken token;
  FallbackHandle handle;
};

// Each member by name, so that one that is added is missed here.
TEST_CASE("Fallback: every counter counts what its name says", "[fallback-42]") {
  SeenBench b({.cookies_from = 2});
  const FallbackCounters& counters = b.fallback.counters();
  const auto& [syns, cookies, absorbed, repeated, verdicts, consultations, deferred, shed, handovers, callback_failures,
               established, handshakes_failed, half_open_timeouts, handler_failures, finished] = counters;
  const auto& [pending, half_open, served] = b.fallback.gauges();
  static_assert(verdict_count == 10);

  b.syn([](Consultation&) { return FallbackDecision::decline(); });
  CHECK(counters.of(Verdict::declined) == 1);
  CHECK(syns == 1);
  CHECK(consultations == 1);
  b.Bench::syn();
  b.t.ignore_sent();
  CHECK(syns == 2);
  CHECK(repeated == 1);
  CHECK(consultations == 1);
  b.syn([](Consultation&) { return FallbackDecision::reject(); });
  CHECK(counters.of(Verdict::rejected) == 1);
  b.syn([](Consultation&) { return FallbackDecision::drop(); });
  CHECK(counters.of(Verdict::dropped) == 1);
  b.syn([](Consultation&) { return FallbackDecision::unreachable(); });
  CHECK(counters.of(Verdict::unreachable) == 1);
  b.syn([](Consultation&) -> FallbackDecision { throw std::runtime_error("a handler fails"); });
  CHECK(counters.of(Verdict::failed) == 1);
  CHECK(callback_failures == 1);

  b.defer();
  CHECK(deferred == 1);
  CHECK(pending == 1);
  b.Bench::syn();
  CHECK(absorbed == 1);
  CHECK(b.token.accept(echo_text));
  b.run();
  b.t.ignore_sent();
  CHECK(counters.of(Verdict::accepted) == 1);
  CHECK(pending == 0);
  CHECK(half_open == 1);
  b.from_peer(". 1:1(0) ack 1");
  CHECK(established == 1);
  CHECK(half_open == 0);
  CHECK(served == 1);
  b.from_peer("R 1:1(0)");
  CHECK(finished == 1);
  CHECK(served == 0);
  b.defer(1s);
  b.advance(1s);
  b.t.ignore_sent();
  CHECK(counters.of(Verdict::expired) == 1);
  b.defer();
  b.from_peer("R 1:1(0)");
  CHECK(counters.of(Verdict::cancelled) == 1);

  b.syn(accept_echo);
  b.from_peer("R 1:1(0)");
  CHECK(handshakes_failed == 1);
  CHECK(half_open_timeouts == 0);
  b.syn(accept_echo);
  b.advance(10s);
  b.t.ignore_sent();
  CHECK(handshakes_failed == 2);
  CHECK(half_open_timeouts == 1);
  b.establish([](Consultation&) { return FallbackDecision::accept(throw_up); });
  CHECK(handler_failures == 1);
  CHECK(finished == 2);

  b.syn(accept_echo);
  b.syn(accept_echo);
  CHECK(half_open == 2);
  b.syn(accept_echo);
  CHECK(counters.of(Verdict::cookie) == 1);
  CHECK(cookies == 0);
  b.from_peer(". 1:1(0) ack 1");
  CHECK(cookies == 1);
  CHECK(established == 3);
  b.advance(10s);
  b.t.ignore_sent();

  b.defer();
  b.handle = b.fallback.register_handler(accept_echo, {.limit = {.max = 1, .policy = OverLimit::shed_oldest}});
  b.run();  // the one before has left
  b.t.ignore_sent();
  CHECK(handovers == 1);
  CHECK(half_open == 1);
  b.syn(accept_echo);
  CHECK(shed == 1);
  CHECK(handshakes_failed == 5);
  b.handle = b.fallback.register_handler(accept_echo, {.limit = {.max = 0}});
  b.run();
  b.syn(accept_echo);
  CHECK(counters.of(Verdict::over_limit) == 1);

  std::uint64_t outcomes = absorbed + repeated + pending;
  for (const std::uint64_t verdict : verdicts) {
    CHECK(verdict > 0);
    outcomes += verdict;
  }
  CHECK(outcomes == syns + cookies);
}

TEST_CASE("Fallback: a handler's own counters count its part", "[fallback-42]") {
  Bench b;
  Calls calls;
  auto first = b.fallback.register_handler(declining(calls));
  DeferToken token;
  const auto second = b.fallback.register_handler([&](Consultation& about) {
    if (about.source().port == 40'000) return FallbackDecision::accept(echo_text);
    token = about.defer();
    return FallbackDecision::defer();
  });
  CHECK(b.fallback.counters(first.id()) == nullptr);  // not asked yet
  b.establish();
  b.t.inject("R 1:1(0)");
  b.run();
  b.t.between(unclaimed_port, 40'001);
  b.syn();
  CHECK(b.fallback.in_flight(second.id()) == 1);
  CHECK(token.reject());
  b.run();
  b.expect_reset();
  const auto& [asked, verdicts, deferred, established, finished] = *b.fallback.counters(second.id());
  CHECK(asked == 2);
  CHECK(b.fallback.counters(second.id())->of(Verdict::accepted) == 1);
  CHECK(b.fallback.counters(second.id())->of(Verdict::rejected) == 1);
  CHECK(verdicts[static_cast<std::size_t>(Verdict::declined)] == 0);
  CHECK(deferred == 1);
  CHECK(established == 1);
  CHECK(finished == 1);
  CHECK(b.fallback.in_flight(second.id()) == 0);
  CHECK(b.fallback.counters(first.id())->consultations == 2);
  CHECK(b.fallback.counters(first.id())->of(Verdict::declined) == 2);

  const HandlerId gone = first.id();
  first.reset();
  CHECK(b.fallback.counters(gone)->consultations == 2);  // until its place is used again
  first = b.fallback.register_handler(declining(calls), {.priority = 1});
  b.t.between(unclaimed_port, 40'002);
  b.syn();
  CHECK(b.fallback.counters(first.id())->consultations == 1);
  CHECK(b.fallback.counters(gone) == nullptr);
}

TEST_CASE("Fallback: each port's record tells when, how often and with what outcome it was asked for",
          "[fallback-42]") {
  Bench b({.max_ports = 2});
  Calls calls;
  const auto handle = b.fallback.register_handler(refusing(calls));
  const auto ask = [&](std::uint16_t port, std::uint16_t from) {
    b.t.between(port, from);
    b.syn();
    b.t.ignore_sent();
    b.advance(1s);
  };
  const Instant start = b.t.now();
  ask(1, 5000);
  ask(2, 5000);
  ask(1, 5001);
  ask(3, 5000);  // the record of port 2 goes, which was not asked for as long
  std::vector<std::uint16_t> ports;
  b.fallback.for_each_port([&](std::uint16_t port, const PortRecord& record) {
    ports.push_back(port);
    if (port != 1) return;
    CHECK(record.flows == 2);
    CHECK(record.first_seen == start);
    CHECK(record.last_seen == start + 2s);
    CHECK(record.verdicts[static_cast<std::size_t>(Verdict::rejected)] == 2);
  });
  CHECK(ports == std::vector<std::uint16_t>{3, 1});
}

// --- Events.

TEST_CASE("Fallback: the steps of a flow that is refused, in order and each once", "[fallback-43]") {
  SeenBench b;
  SECTION("declined") {
    b.syn([](Consultation&) { return FallbackDecision::decline(); });
    CHECK(b.told(1) == "seen, consulted, decided declined, closed");
  }
  SECTION("rejected") {
    b.syn([](Consultation&) { return FallbackDecision::reject(); });
    CHECK(b.told(1) == "seen, consulted, decided rejected, closed");
  }
  SECTION("dropped") {
    b.syn([](Consultation&) { return FallbackDecision::drop(); });
    CHECK(b.told(1) == "seen, consulted, decided dropped, closed");
  }
  SECTION("unreachable") {
    b.syn([](Consultation&) { return FallbackDecision::unreachable(); });
    CHECK(b.told(1) == "seen, consulted, decided unreachable, closed");
  }
  SECTION("failed") {
    b.syn([](Consultation&) -> FallbackDecision { throw std::runtime_error("a handler fails"); });
    CHECK(b.told(1) == "seen, consulted, decided failed, closed");
  }
  SECTION("over a limit") {
    b.handle = b.fallback.register_handler(accept_echo, {.limit = {.max = 0}});
    b.syn(accept_echo);
    CHECK(b.told(1) == "seen, consulted, decided over limit, closed");
  }
  b.Bench::syn();  // again: no step of its own, where its flow's verdict is remembered
  const bool asked_again = b.events.contains(2);
  CHECK(asked_again == (b.fallback.counters().of(Verdict::failed) + b.fallback.counters().of(Verdict::over_limit) > 0));
  CHECK(b.fallback.counters().repeated == (asked_again ? 0 : 1));
}

TEST_CASE("Fallback: the steps of a flow that is accepted, in order and each once", "[fallback-43]") {
  SeenBench b;
  SECTION("served to its end") {
    b.establish();
    CHECK(b.told(1) == "seen, consulted, decided accepted, established");
    b.from_peer("P. 1:11(10) ack 1");
    b.from_peer("F. 11:11(0) ack 11");
    CHECK(b.told(1) == "seen, consulted, decided accepted, established, closed");
    b.from_peer(". 12:12(0) ack 12");
  }
  SECTION("reset in its handshake") {
    b.syn(accept_echo);
    b.from_peer("R 1:1(0)");
    CHECK(b.told(1) == "seen, consulted, decided accepted, failed (connection ended), closed (connection ended)");
  }
  SECTION("half-open for too long") {
    b.syn(accept_echo);
    b.advance(1min);
    CHECK(b.told(1) == "seen, consulted, decided accepted, failed (half-open timeout), closed (half-open timeout)");
  }
  SECTION("its connection handler throws") {
    b.establish([](Consultation&) { return FallbackDecision::accept(throw_up); });
    CHECK(b.told(1) == "seen, consulted, decided accepted, established, closed (handler failed)");
  }
  SECTION("shed") {
    b.handle = b.fallback.register_handler(accept_echo, {.limit = {.max = 1, .policy = OverLimit::shed_oldest}});
    b.syn(accept_echo);
    b.syn(accept_echo);
    CHECK(b.told(1) == "seen, consulted, decided accepted, failed (shed), closed (shed)");
    CHECK(b.told(2) == "seen, consulted, decided accepted");
  }
}

TEST_CASE("Fallback: the steps of a flow that is deferred, in order and each once", "[fallback-43]") {
  SeenBench b;
  b.defer();
  CHECK(b.told(1) == "seen, consulted, deferred");
  SECTION("accepted later") {
    CHECK(b.token.accept(echo_text));
    b.run();
    b.t.ignore_sent();
    b.from_peer(". 1:1(0) ack 1");
    CHECK(b.told(1) == "seen, consulted, deferred, decided accepted, established");
  }
  SECTION("rejected later") {
    CHECK(b.token.reject());
    b.run();
    CHECK(b.told(1) == "seen, consulted, deferred, decided rejected, closed");
  }
  SECTION("never answered") {
    b.advance(5s);
    CHECK(b.told(1) == "seen, consulted, deferred, decided expired, closed");
  }
  SECTION("given up by the peer") {
    b.from_peer("R 1:1(0)");
    CHECK(b.told(1) == "seen, consulted, deferred, decided cancelled, closed");
  }
  SECTION("handed over") {
    b.handle = b.fallback.register_handler(accept_echo);
    b.run();
    CHECK(b.told(1) == "seen, consulted, deferred, decided accepted");
  }
  SECTION("asked for again meanwhile") {
    b.Bench::syn();
    CHECK(b.told(1) == "seen, consulted, deferred");
    CHECK(b.events.size() == 1);
  }
  SECTION("asked for with a new ISN meanwhile") {
    b.t.inject("S 5000:5000(0) win 65535");
    CHECK(b.told(1) == "seen, consulted, deferred, decided cancelled, closed");
    CHECK(b.told(2) == "seen, consulted, deferred");
  }
}

TEST_CASE("Fallback: a flow that was answered with a cookie is seen again as another", "[fallback-43]") {
  SeenBench b({.cookies_from = 0});
  b.establish();
  CHECK(b.told(1) == "seen, consulted, decided cookie, closed");
  CHECK(b.told(2) == "seen, consulted, decided accepted, established");
}

TEST_CASE("Fallback: when the manager ends, it lets go of every flow that is not established", "[fallback-43]") {
  Told events;
  Bench b;
  auto manager = std::make_optional<FallbackManager>(b.t.stack(), b.executor);
  events.watch(*manager);
  std::vector<DeferToken> tokens;
  const auto handle = manager->register_handler([&](Consultation& about) {
    if (about.source().port == 1) return FallbackDecision::accept(echo_text);
    tokens.push_back(about.defer());
    return FallbackDecision::defer();
  });
  for (std::uint16_t port = 1; port <= 2; ++port) {
    b.t.between(unclaimed_port, port);
    b.syn();
    b.t.ignore_sent();
  }
  manager.reset();
  b.t.ignore_sent();
  CHECK(events.told(1) == "seen, consulted, decided accepted, failed (manager ended), closed (manager ended)");
  CHECK(events.told(2) == "seen, consulted, deferred, decided cancelled, closed");
}

TEST_CASE("Fallback: an event tells whose flow it is, who claimed it, and when", "[fallback-43]") {
  SeenBench b;
  const Instant start = b.t.now();
  b.defer();
  b.advance(300ms);
  CHECK(b.token.accept(echo_text));
  b.run();
  b.t.ignore_sent();
  const auto& events = b.events[1];
  REQUIRE(events.size() == 4);
  for (const FlowEvent& event : events) {
    CHECK(event.tuple ==
          FourTuple{{Scenario::default_local.address, unclaimed_port}, {Scenario::default_remote.address, b.peer}});
    CHECK(event.at == start + (event.step == Step::decided ? 300ms : 0ms));
    CHECK(event.handler == (event.step == Step::seen ? HandlerId{} : b.handle.id()));
  }
}

TEST_CASE("Fallback: the flows in flight can be looked at", "[fallback-43]") {
  SeenBench b;
  b.establish();
  b.syn(accept_echo);
  b.defer();
  b.advance(1s);
  b.Bench::syn();
  b.t.ignore_sent();
  std::map<std::uint64_t, FlowSnapshot> flows;
  b.fallback.for_each_flow([&](const FlowSnapshot& flow) { flows[flow.flow] = flow; });
  REQUIRE(flows.size() == 3);
  using Phase = detail::Flow::Phase;
  CHECK(flows[1].phase == Phase::served);
  CHECK(flows[2].phase == Phase::half_open);
  CHECK(flows[3].phase == Phase::pending);
  CHECK(flows[3].attempts == 2);
  CHECK(flows[3].syn.arrived == b.t.now() - 1s);
  CHECK(flows[3].handler == b.handle.id());
  CHECK(flows[3].syn.tuple.remote.port == b.peer);
}

TEST_CASE("Fallback: who observes the unclaimed sees each flow that all handlers declined", "[fallback-43]") {
  SeenBench b;
  std::vector<SynInfo> unclaimed;
  b.fallback.on_unclaimed([&](const SynInfo& syn) { unclaimed.push_back(syn); });
  b.syn([](Consultation&) { return FallbackDecision::reject(); });
  b.syn(accept_echo);
  CHECK(unclaimed.empty());
  b.syn([](Consultation&) { return FallbackDecision::decline(); });
  b.Bench::syn();
  b.t.ignore_sent();
  REQUIRE(unclaimed.size() == 1);
  CHECK(unclaimed[0].tuple.remote.port == b.peer);
}

}  // namespace
}  // namespace backstop::test
