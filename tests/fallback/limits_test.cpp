// Limits on flows in flight, what is given back when, and what a flood costs.
#include <map>

#include "tests/fallback/bench.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

auto accepting_all() {
  return [](const SynInfo&) { return FallbackDecision::accept(echo_text); };
}

TEST_CASE("Fallback: a flow refused at a limit and tried again later is served", "[fallback-36]") {
  Bench b({.limit = {.max = 1, .policy = GENERATE(OverLimit::reset, OverLimit::drop)}});
  const auto handle = b.fallback.register_handler(accepting_all());
  b.establish();
  b.t.between(unclaimed_port, 40'001);
  b.syn();
  b.t.ignore_sent();
  CHECK(b.fallback.counters().of(Verdict::over_limit) == 1);

  b.t.between(unclaimed_port, 40'000);
  b.t.inject("R 1:1(0)");
  b.run();
  CHECK(b.idle());
  b.t.between(unclaimed_port, 40'001);
  b.syn();  // the same SYN: as a retransmission is
  b.t.expect("S. 0:0(0) ack 1");
}

TEST_CASE("Fallback: each policy says what becomes of a flow over the limit", "[fallback-36]") {
  const auto policy = GENERATE(OverLimit::reset, OverLimit::drop, OverLimit::shed_oldest);
  const auto where = GENERATE(0, 1, 2, 3);  // which limit is met
  const Limit two{.max = 2, .policy = policy};
  Bench b({.limit = where == 0 ? two : Limit{}, .per_source = where == 1 ? two : Limit{}});
  const auto handle = b.fallback.register_handler(
      accepting_all(), {.limit = where == 2 ? two : Limit{}, .per_source = where == 3 ? two : Limit{}});
  for (std::uint16_t port = 40'000; port < 40'002; ++port) {
    b.t.between(unclaimed_port, port);
    b.syn();
    b.t.expect("S. 0:0(0) ack 1");
    b.advance(1ms);
  }
  b.t.between(unclaimed_port, 40'002);
  b.syn();
  if (policy == OverLimit::reset) b.expect_reset();
  if (policy == OverLimit::shed_oldest) {
    b.t.between(unclaimed_port, 40'000);
    b.t.expect("R. ack 1");
    b.t.between(unclaimed_port, 40'002);
    b.t.expect("S. 0:0(0) ack 1");
    CHECK(b.fallback.counters().shed == 1);
  }
  b.t.silence();
  CHECK(b.fallback.gauges().half_open == 2);
  CHECK(b.fallback.in_flight(handle.id()) == 2);
}

TEST_CASE("Fallback: shedding ends attempts, also deferred ones, and no conversation", "[fallback-36]") {
  Bench b({.limit = {.max = 2, .policy = OverLimit::shed_oldest}});
  DeferToken token;
  bool defer = false;
  const auto handle = b.fallback.register_handler([&](Consultation& about) {
    if (!defer) return FallbackDecision::accept(echo_text);
    token = about.defer();
    return FallbackDecision::defer();
  });
  b.establish();
  defer = true;
  b.t.between(unclaimed_port, 40'001);
  b.syn();
  b.t.silence();
  defer = false;
  b.t.between(unclaimed_port, 40'002);
  b.syn();
  b.t.between(unclaimed_port, 40'001);
  b.expect_reset();
  CHECK(token.accept(echo_text).error() == AnswerError::cancelled);
  b.t.between(unclaimed_port, 40'002);
  b.t.expect("S. 0:0(0) ack 1");
  b.t.inject(". 1:1(0) ack 1");
  b.run();
  CHECK(b.fallback.gauges().served == 2);
  // Both are conversations now: there is nothing to shed.
  b.t.between(unclaimed_port, 40'003);
  b.syn();
  b.expect_reset();
  CHECK(b.fallback.gauges().served == 2);
}

TEST_CASE("Fallback: a token that a limit refuses is empty, and the flow is refused", "[fallback-36]") {
  Bench b({.limit = {.max = 0}});
  bool empty = false;
  const auto handle = b.fallback.register_handler([&](Consultation& about) {
    const DeferToken token = about.defer();
    empty = !token;
    return FallbackDecision::defer();
  });
  b.syn();
  b.expect_reset();
  CHECK(empty);
  CHECK(b.fallback.counters().of(Verdict::over_limit) == 1);
}

TEST_CASE("Fallback: when the stack has no connection left, the policy of the limit on all applies", "[fallback-36]") {
  const auto policy = GENERATE(OverLimit::reset, OverLimit::drop);
  Bench b({.limit = {.policy = policy}}, [](Config& config) { config.max_connections = 1; });
  const auto handle = b.fallback.register_handler(accepting_all());
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  b.t.between(unclaimed_port, 40'001);
  b.syn();
  if (policy == OverLimit::reset) b.expect_reset();
  b.t.silence();
  CHECK(b.fallback.counters().of(Verdict::over_limit) == 1);
  CHECK(b.fallback.gauges().half_open == 1);
}

TEST_CASE("Fallback: one source saturates its share, and another is served at once", "[fallback-37]") {
  Bench b({.per_source = {.max = 3}});
  const auto handle = b.fallback.register_handler(accepting_all());
  for (std::uint16_t port = 40'000; port < 40'005; ++port) {
    b.t.between(unclaimed_port, port);
    b.syn();
    b.t.ignore_sent();
  }
  CHECK(b.fallback.gauges().half_open == 3);
  CHECK(b.fallback.counters().of(Verdict::over_limit) == 2);
  b.t.between(unclaimed_port, 40'000, Ipv4Address::of(10, 0, 0, 77));
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
}

TEST_CASE("Fallback: 65,535 ports scanned cost no memory, and the next new port is served on its first SYN",
          "[fallback-38]") {
  Bench b({.max_verdicts = 64, .max_ports = 64});
  const auto handle = b.fallback.register_handler([](const SynInfo& syn) {
    return syn.tuple.remote.port == 40'001 ? FallbackDecision::accept(echo_text) : FallbackDecision::reject();
  });
  wire::Segment syn{.source_port = 40'000,
                    .destination_port = 1,
                    .seq = {},
                    .ack = {},
                    .flags = wire::Flag::syn,
                    .window = 1024,
                    .options = {},
                    .text = {}};
  std::uint32_t resets = 0;
  for (std::uint32_t port = 1; port <= 65'535; ++port) {
    if (port == 80) continue;  // the scenario's listener
    syn.destination_port = static_cast<std::uint16_t>(port);
    b.t.stack().receive(
        {tcp_packet({.source = Scenario::default_remote.address, .destination = Scenario::default_local.address}, syn),
         {}},
        b.t.now());
    while (b.t.stack().transmit(b.t.now())) ++resets;
    b.run();
  }
  CHECK(resets == 65'534);
  CHECK(b.idle());
  int ports = 0;
  b.fallback.for_each_port([&](std::uint16_t, const PortRecord&) { ++ports; });
  CHECK(ports == 64);
  b.t.between(12'345, 40'001);
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
}

TEST_CASE("Fallback: a SYN behind ten thousand segments in one batch is served", "[fallback-39]") {
  Bench b({}, [](Config& config) { config.reply_queue = 16'384; });
  const auto handle = b.fallback.register_handler(accepting_all());
  const Packet stray = b.t.build(". 100:100(0) ack 100");
  for (int i = 0; i < 10'000; ++i) b.t.stack().receive({stray, {}}, b.t.now());
  b.syn();
  bool answered = false;
  while (const auto packet = b.t.stack().transmit(b.t.now())) {
    const Packet bytes = flatten(*packet);
    const auto segment = wire::parse_segment(*wire::parse_ipv4(bytes));
    answered = answered || (segment->syn() && segment->has_ack());
  }
  CHECK(answered);
}

TEST_CASE("Fallback: a handshake that does not end gives its place back, and nobody sees a stream", "[fallback-40]") {
  Bench b({.half_open_timeout = 5s});
  int served = 0;
  const auto serve = [&](Stream stream) {
    ++served;
    return echo_text(std::move(stream));
  };
  const auto handle =
      b.fallback.register_handler([&](const SynInfo&) { return FallbackDecision::accept(std::ref(serve)); });
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  b.advance(4999ms);
  CHECK(b.fallback.gauges().half_open == 1);
  b.advance(1ms);
  CHECK(b.idle());
  CHECK(b.t.stack().connections() == 0);
  CHECK(b.fallback.counters().half_open_timeouts == 1);
  CHECK(b.fallback.counters().handshakes_failed == 1);
  b.t.ignore_sent();
  b.t.inject(". 1:1(0) ack 1");
  b.run();
  b.t.expect("R 1:1(0)");
  CHECK(served == 0);
}

TEST_CASE("Fallback: connections of a handler end on request, now or at a deadline", "[fallback-9]") {
  Bench b;
  auto handle = b.fallback.register_handler(accepting_all());
  const HandlerId id = handle.id();
  b.establish();
  handle.reset();
  const Duration grace = GENERATE(0s, 10s);
  b.fallback.end_connections(id, b.t.now() + grace);
  if (grace > 0s) {
    b.t.inject("P. 1:11(10) ack 1");
    b.run();
    b.t.expect("P. 1:11(10) ack 11");
    b.t.inject(". 11:11(0) ack 11");
  }
  b.advance(grace);
  b.t.expect("R.");
  CHECK(b.idle());
  CHECK(b.executor.tasks() == 0);
}

TEST_CASE("Fallback: what a flow in flight costs is known beforehand", "[fallback-41]") {
  const auto taken_for = [](std::uint32_t flows) {
    Config config;
    config.blocks = 16;
    config.coroutine_memory = 0;
    Stack stack{config};
    Executor executor{stack};
    SealedMemory memory;
    const FallbackManager manager{stack, executor, {.max_flows = flows}, memory};
    return memory.taken();
  };
  // Its record (of at most 128 octets), the indices by which it is found, timed and counted for its source, and what is
  // handed over when its handshake is done.
  CHECK((taken_for(8192) - taken_for(4096)) / 4096 <= 320);
}

// A random life of flows: everything that can happen to one, in any order.
class RandomLife {
 public:
  explicit RandomLife(std::uint64_t seed) : random_(seed), stack_(configuration(), memory_), executor_(stack_) {
    FallbackOptions options{.max_handlers = 4,
                            .max_flows = 8,
                            .limit = limit(),
                            .per_source = limit(),
                            .half_open_timeout = 3s,
                            .cookies_from = random_.chance(0.5) ? 1024 : static_cast<std::uint32_t>(random_.below(3)),
                            .max_verdicts = static_cast<std::uint32_t>(random_.below(8)),
                            .max_ports = static_cast<std::uint32_t>(random_.below(4))};
    manager_.emplace(stack_, executor_, std::move(options));
    manager_->on_flow_event([this](const FlowEvent& event) { hear(event); });
  }

  /// What is wrong, or nothing.
  std::string play(int steps) {
    for (int step = 0; step < steps; ++step) {
      act();
      if (std::string wrong = check(); !wrong.empty()) return wrong + " at step " + std::to_string(step);
    }
    return wind_up();
  }

  void add_to(FallbackCounters& total) const {
    const FallbackCounters& mine = manager_->counters();
    for (std::size_t i = 0; i < verdict_count; ++i) total.verdicts[i] += mine.verdicts[i];
    total.cookies += mine.cookies;
    total.absorbed += mine.absorbed;
    total.repeated += mine.repeated;
    total.shed += mine.shed;
    total.handovers += mine.handovers;
    total.half_open_timeouts += mine.half_open_timeouts;
    total.handler_failures += mine.handler_failures;
    total.finished += mine.finished;
  }

 private:
  static Config configuration() {
    Config config;
    config.address = Scenario::default_local.address;
    config.max_connections = 6;
    config.max_listeners = 2;
    config.blocks = 64;
    config.coroutine_memory = 4096;
    return config;
  }

  Limit limit() {
    return {.max = random_.chance(0.5) ? unlimited : static_cast<std::uint32_t>(random_.below(5)),
            .policy = static_cast<OverLimit>(random_.below(3))};
  }

  FallbackDecision decide(Consultation& about) {
    switch (random_.below(9)) {
      case 0:
        return FallbackDecision::decline();
      case 1:
        return FallbackDecision::reject();
      case 2:
        return FallbackDecision::drop();
      case 3:
        return FallbackDecision::unreachable();
      case 4:
        throw std::runtime_error("a handler fails");
      case 5:
      case 6:
        tokens_.push_back(about.defer({.timeout = std::chrono::milliseconds{random_.below(4000)}}));
        return random_.chance(0.9) ? FallbackDecision::defer() : FallbackDecision::reject();
      case 7:
        return FallbackDecision::accept([](Stream stream) -> Task { return fail_soon(std::move(stream)); });
      default:
        return FallbackDecision::accept(echo_text);
    }
  }

  static Task fail_soon(Stream stream) {
    std::array<std::byte, 100> buffer;
    (void)co_await read(stream, buffer);
    throw std::runtime_error("a connection handler fails");
  }

  void act() {
    switch (random_.below(12)) {
      case 0:
        if (handles_.size() < 6) {
          handles_.push_back(manager_->register_handler(
              [this](Consultation& about) { return decide(about); },
              {.priority = static_cast<int>(random_.below(3)), .limit = limit(), .per_source = limit()}));
        }
        return;
      case 1:
        if (!handles_.empty() && random_.chance(0.3)) {
          handles_.erase(handles_.begin() + static_cast<std::ptrdiff_t>(random_.below(handles_.size())));
        }
        return;
      case 2:
        return answer();
      case 3:
        now_ += std::chrono::milliseconds{random_.below(1500)};
        return;
      case 4:
        send(wire::Flag::rst);
        return;
      case 5:
        send(wire::Flag::psh | wire::Flag::ack, 5);
        return;
      case 6:
        send(wire::Flag::fin | wire::Flag::ack);
        return;
      case 7:
      case 8:
        return turn();
      default:
        return syn();
    }
  }

  void answer() {
    if (tokens_.empty()) return;
    DeferToken& token = tokens_[random_.below(tokens_.size())];
    switch (random_.below(5)) {
      case 0:
        (void)token.accept(echo_text);
        return;
      case 1:
        (void)token.reject();
        return;
      case 2:
        (void)token.decline();
        return;
      case 3:
        (void)token.drop();
        return;
      default:
        token.reset();
    }
  }

  wire::Ipv4Header header() {
    return {.source = {Scenario::default_remote.address.value + 10 + static_cast<std::uint32_t>(random_.below(3))},
            .destination = Scenario::default_local.address};
  }
  void syn() { deliver(wire::Flag::syn, random_.chance(0.2) ? SeqNum{1} : SeqNum{0}, {}, 0); }
  void send(wire::Flags flags, std::size_t size = 0) { deliver(flags, SeqNum{1}, last_ack_, size); }
  void deliver(wire::Flags flags, SeqNum seq, SeqNum ack, std::size_t size) {
    const auto octets = text(0, size);
    const wire::Segment segment{.source_port = static_cast<std::uint16_t>(100 + random_.below(4)),
                                .destination_port = static_cast<std::uint16_t>(7 + random_.below(3)),
                                .seq = seq,
                                .ack = ack,
                                .flags = flags,
                                .window = 1000,
                                .options = {},
                                .text = octets};
    stack_.receive({tcp_packet(header(), segment), {}}, now_);
  }

  /// The loop turns: half of the peers answer SYN,ACK.
  void turn() {
    std::vector<Packet> answers;
    while (const auto packet = stack_.transmit(now_)) {
      const Packet bytes = flatten(*packet);
      const auto datagram = wire::parse_ipv4(bytes);
      if (datagram->header.protocol != wire::protocol_tcp) continue;
      const auto segment = wire::parse_segment(*datagram);
      if (!segment->syn() || random_.chance(0.5)) continue;
      last_ack_ = segment->seq + 1;
      const wire::Segment ack{.source_port = segment->destination_port,
                              .destination_port = segment->source_port,
                              .seq = segment->ack,
                              .ack = last_ack_,
                              .flags = wire::Flag::ack,
                              .window = 1000,
                              .options = {},
                              .text = {}};
      answers.push_back(
          tcp_packet({.source = datagram->header.destination, .destination = datagram->header.source}, ack));
    }
    for (const Packet& packet : answers) stack_.receive({packet, {}}, now_);
    executor_.run(now_);
  }

  /// Each step of a flow comes once, behind those that may come before it, and at no earlier time.
  void hear(const FlowEvent& event) {
    const auto [told, is_new] = told_.try_emplace(event.flow, event);
    const FlowEvent before = std::exchange(told->second, event);
    const bool fits = is_new ? event.step == Step::seen && event.flow == told_.size()
                             : may_follow(before, event) && before.at <= event.at && before.tuple == event.tuple;
    if (!fits && wrong_step_.empty()) {
      wrong_step_ = "flow " + std::to_string(event.flow) + " has step " + std::string(to_string(event.step)) +
                    " after " + std::string(is_new ? "none" : to_string(before.step));
    }
  }
  static bool may_follow(const FlowEvent& before, const FlowEvent& event) {
    switch (event.step) {
      case Step::seen:
        return false;
      case Step::consulted:
        return before.step == Step::seen;
      case Step::deferred:
        return before.step == Step::consulted;
      case Step::decided:
        return before.step == Step::consulted || before.step == Step::deferred;
      case Step::established:
      case Step::failed:
        return before.step == Step::decided && before.verdict == Verdict::accepted;
      case Step::closed:
        return before.step == Step::established || before.step == Step::failed ||
               (before.step == Step::decided && before.verdict != Verdict::accepted);
    }
    return false;
  }

  std::string check() const {
    if (!wrong_step_.empty()) return wrong_step_;
    const FallbackCounters& counters = manager_->counters();
    const FallbackGauges& gauges = manager_->gauges();
    std::uint64_t outcomes = counters.absorbed + counters.repeated + gauges.pending;
    for (const std::uint64_t verdict : counters.verdicts) outcomes += verdict;
    if (outcomes != counters.syns + counters.cookies) return "outcomes do not add up to the SYNs seen";
    const std::uint64_t opened = counters.handshakes_failed + counters.established + gauges.half_open;
    if (opened != counters.of(Verdict::accepted)) return "handshakes do not add up to the flows accepted";
    if (counters.finished + gauges.served != counters.established) return "connections do not add up";
    std::uint32_t in_flight = 0;
    manager_->for_each_flow([&](const FlowSnapshot&) { ++in_flight; });
    if (in_flight != gauges.in_flight()) return "places do not add up";
    return {};
  }

  std::string wind_up() {
    handles_.clear();
    for (int i = 0; i < 400 && (manager_->gauges().in_flight() > 0 || stack_.connections() > 0); ++i) {
      now_ += 1s;
      while (stack_.transmit(now_)) {
      }
      executor_.run(now_);
      if (i == 20) {
        for (std::uint32_t number = 1; number < 200; ++number) {
          for (std::uint32_t slot = 0; slot < 4; ++slot) manager_->end_connections({number, slot}, now_);
        }
      }
    }
    if (manager_->gauges().in_flight() != 0) return "in-flight does not return to zero";
    if (executor_.tasks() != 0) return "a task is left";
    if (stack_.connections() != 0) return "a connection is left";
    for (const auto& [flow, last] : told_) {
      if (last.step != Step::closed) return "flow " + std::to_string(flow) + " has no end";
    }
    return check();
  }

  Random random_;
  std::map<std::uint64_t, FlowEvent> told_;  // the last event of each flow
  std::string wrong_step_;
  std::pmr::monotonic_buffer_resource memory_;
  Stack stack_;
  Executor executor_;
  std::optional<FallbackManager> manager_;
  std::vector<FallbackHandle> handles_;
  std::vector<DeferToken> tokens_;
  SeqNum last_ack_;
  Instant now_{1s};
};

TEST_CASE("Fallback: whatever happens, the outcomes add up to the SYNs, and nothing stays in flight",
          "[fallback-35][fallback-43]") {
  FallbackCounters total;
  for (std::uint64_t seed = 1; seed <= 10'000; ++seed) {
    RandomLife life(seed);
    const std::string wrong = life.play(80);
    INFO("seed " << seed);
    REQUIRE(wrong == "");
    life.add_to(total);
  }
  // Such lives do come to everything.
  for (std::size_t verdict = 0; verdict < verdict_count; ++verdict) {
    INFO(to_string(static_cast<Verdict>(verdict)));
    CHECK(total.verdicts[verdict] > 0);
  }
  CHECK(total.cookies > 0);
  CHECK(total.absorbed > 0);
  CHECK(total.repeated > 0);
  CHECK(total.shed > 0);
  CHECK(total.handovers > 0);
  CHECK(total.half_open_timeouts > 0);
  CHECK(total.handler_failures > 0);
  CHECK(total.finished > 0);
}

}  // namespace
}  // namespace backstop::test
