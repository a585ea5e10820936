// Handlers that change the registry while they are called, other threads that do, and handlers that throw.
#include <atomic>
#include <stdexcept>
#include <thread>

#include "tests/fallback/bench.hpp"
#include "tests/support/catch.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Fallback: a handler may register, unregister itself and others, listen and connect",
          "[fallback-31][threads]") {
  Bench b;
  Calls added_calls;
  Calls last_calls;
  FallbackHandle self;
  FallbackHandle added;
  FallbackHandle victim;
  Calls victim_calls;
  std::expected<Listener, Error> listener;
  std::expected<Stream, Error> stream;
  int calls = 0;
  self = b.fallback.register_handler([&](const Endpoint&, const Endpoint&) {
    ++calls;
    added = b.fallback.register_handler(accepting(added_calls), {.priority = -1});
    victim.reset();
    listener = b.t.stack().listen({{}, 8080});
    stream = b.t.stack().connect({Scenario::default_remote.address, 9}, b.t.now());
    self.reset();
    return FallbackDecision::decline();
  });
  victim = b.fallback.register_handler(declining(victim_calls));
  const auto last = b.fallback.register_handler(declining(last_calls));
  b.syn();
  b.run();
  b.t.expect("R. ack 1");
  b.t.between(49'152, 9);
  b.t.ignore_sent();  // the SYN of the connection that the handler opened
  CHECK(calls == 1);
  CHECK_FALSE(self);
  CHECK(listener);
  CHECK(stream);
  CHECK(victim_calls.count() == 0);
  CHECK(added_calls.count() == 0);  // who came during the consultation is not asked in it
  CHECK(last_calls.count() == 1);
  stream->abort();

  b.t.ignore_sent();
  b.t.between(unclaimed_port, 40'001);
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(calls == 1);
  CHECK(added_calls.count() == 1);
}

TEST_CASE("Fallback: the only handler may leave while it is called, and come back", "[fallback-31][threads]") {
  Bench b;
  FallbackHandle handle;
  int calls = 0;
  handle = b.fallback.register_handler([&](const SynInfo&) {
    ++calls;
    handle.reset();
    return FallbackDecision::decline();
  });
  b.syn();
  b.expect_reset();
  b.run();
  CHECK_FALSE(b.fallback.observing());
  Calls again;
  handle = b.fallback.register_handler(accepting(again));
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(calls == 1);
  CHECK(again.count() == 1);
}

// What a handler captured: says when it dies.
struct Captured {
  std::atomic<int>* alive;
  explicit Captured(std::atomic<int>& count) : alive(&count) { ++*alive; }
  ~Captured() { --*alive; }
  Captured(const Captured&) = delete;
};

TEST_CASE("Fallback: what a handler captured is destroyed once, outside any lock", "[fallback-34][threads]") {
  Bench b;
  std::atomic<int> alive = 0;
  FallbackHandle other = b.fallback.register_handler([](const SynInfo&) { return FallbackDecision::decline(); });
  // Its destruction takes the other handler away: with a lock held it would wait for ever.
  struct Chain {
    std::unique_ptr<Captured> captured;
    FallbackHandle* handle;
    Chain(std::unique_ptr<Captured> c, FallbackHandle* h) : captured(std::move(c)), handle(h) {}
    Chain(Chain&& from) noexcept : captured(std::move(from.captured)), handle(std::exchange(from.handle, nullptr)) {}
    ~Chain() {
      if (handle != nullptr) handle->reset();
    }
  };
  FallbackHandle self;
  bool leave = false;
  self = b.fallback.register_handler([&, chain = Chain(std::make_unique<Captured>(alive), &other)](const SynInfo&) {
    if (leave) self.reset();
    CHECK(alive == 1);  // as long as the call runs
    return FallbackDecision::decline();
  });
  CHECK(alive == 1);
  SECTION("by its handle") {
    self.reset();
    CHECK(alive == 0);
  }
  SECTION("by itself") {
    leave = true;
    b.syn();
    b.expect_reset();
  }
  SECTION("by the end of the manager") {
    auto second = std::make_optional<FallbackManager>(b.t.stack(), b.executor);
    self = second->register_handler(
        [captured = std::make_unique<Captured>(alive)](const SynInfo&) { return FallbackDecision::decline(); });
    CHECK(alive == 1);  // and the one before is gone
    second.reset();
  }
  CHECK(alive == 0);
  CHECK_FALSE(other);
}

// Whatever holds it when it dies must hold no lock: it answers a token, for which locks are taken.
struct AnswersWhenItDies {
  DeferToken token;
  std::atomic<int>* answered;
  AnswersWhenItDies(DeferToken t, std::atomic<int>* count) : token(std::move(t)), answered(count) {}
  AnswersWhenItDies(AnswersWhenItDies&& from) noexcept
      : token(std::move(from.token)), answered(std::exchange(from.answered, nullptr)) {}
  ~AnswersWhenItDies() {
    if (answered != nullptr && token.reject()) ++*answered;
  }
};

TEST_CASE("Fallback: so is what a token's callback captured", "[fallback-34][threads]") {
  Bench b;
  std::atomic<int> answered = 0;
  std::vector<DeferToken> tokens;
  // The first flow just waits; what the second one's callbacks captured answers it.
  const auto handle = b.fallback.register_handler([&](Consultation& about) {
    if (tokens.empty()) {
      tokens.push_back(about.defer({.timeout = 1min}));
      return FallbackDecision::defer();
    }
    AnswersWhenItDies answers(std::move(tokens[0]), &answered);
    tokens.push_back(about.defer({.on_cancel = [answers = std::move(answers)] {}}));
    return FallbackDecision::defer();
  });
  for (std::uint16_t port = 1; port <= 2; ++port) {
    b.t.between(unclaimed_port, port);
    b.syn();
  }
  REQUIRE(tokens.size() == 2);
  CHECK(answered == 0);
  SECTION("by the answer") { CHECK(tokens[1].accept(echo_text)); }
  SECTION("by the end of the wait") {
    b.advance(5s);
    CHECK(b.fallback.counters().of(Verdict::expired) == 1);
  }
  SECTION("by the peer") {
    b.t.inject("R 1:1(0)");
    CHECK(b.fallback.counters().of(Verdict::cancelled) == 1);
  }
  CHECK(answered == 1);
  b.run();
  b.t.ignore_sent();
}

TEST_CASE("Fallback: unregistering from another thread returns when the running call has ended",
          "[fallback-32][threads]") {
  Bench b;
  std::atomic<std::uint64_t> calls = 0;
  std::atomic<std::uint64_t> violations = 0;
  std::atomic<std::uint64_t> rounds = 0;
  std::atomic<bool> stop = false;
  constexpr std::uint64_t enough = 20'000;  // and five pairs of ISNs
  std::thread other([&] {
    while (!stop) {
      // A handler that must not be inside its call once it has been taken away.
      auto flag = std::make_shared<std::atomic<bool>>(true);
      auto handle = b.fallback.register_handler([&, flag](const SynInfo&) {
        ++calls;
        std::this_thread::yield();
        if (!*flag) ++violations;
        return FallbackDecision::decline();
      });
      handle.reset();
      *flag = false;
      if (flag.use_count() != 1) ++violations;  // its captures are gone, too
      ++rounds;
    }
  });
  const auto keeper = b.fallback.register_handler([](const SynInfo&) { return FallbackDecision::decline(); });
  wire::Segment syn{.source_port = 1,
                    .destination_port = unclaimed_port,
                    .seq = {},
                    .ack = {},
                    .flags = wire::Flag::syn,
                    .window = 1000,
                    .options = {},
                    .text = {}};
  std::uint32_t sent = 0;
  while (rounds < enough || calls == 0) {
    syn.seq = SeqNum{++sent};
    syn.source_port = static_cast<std::uint16_t>(1 + sent % 60'000);
    b.t.stack().receive(
        {tcp_packet({.source = Scenario::default_remote.address, .destination = Scenario::default_local.address}, syn),
         {}},
        b.t.now());
    while (b.t.stack().transmit(b.t.now())) {
    }
    b.run();
  }
  stop = true;
  other.join();
  CHECK(violations == 0);
}

TEST_CASE("Fallback: while a handler is called, taking it away on another thread waits", "[fallback-32][threads]") {
  Bench b;
  FallbackHandle handle;
  std::thread other;
  std::atomic<bool> taken_away = false;
  bool early = false;
  handle = b.fallback.register_handler([&](const SynInfo&) {
    other = std::thread([&] {
      handle.reset();
      taken_away = true;
    });
    // As soon as it is asked no more it is being taken away: what is left is to wait for this call.
    while (b.fallback.registered(handle.id())) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    early = taken_away;
    return FallbackDecision::reject();
  });
  b.syn();
  other.join();
  CHECK_FALSE(early);
  CHECK(taken_away);
  b.expect_reset();
}

TEST_CASE("Fallback: from another thread a handler is in force when the loop has turned", "[fallback-32][threads]") {
  std::atomic<int> woken = 0;
  Bench b({.wake = [&] { ++woken; }});
  Calls calls;
  FallbackHandle handle;
  std::thread([&] { handle = b.fallback.register_handler(accepting(calls)); }).join();
  CHECK(handle);
  CHECK(woken == 1);
  CHECK(b.executor.next_deadline() == immediately);
  b.run();
  CHECK_FALSE(b.executor.next_deadline());
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  std::thread([&] { handle.reset(); }).join();
  CHECK(woken == 2);
  b.run();
  CHECK_FALSE(b.fallback.observing());
  b.t.between(unclaimed_port, 40'001);
  b.syn();
  b.expect_reset();
}

TEST_CASE("Fallback: a token answered from another thread wakes the loop", "[fallback-23][threads]") {
  std::atomic<int> woken = 0;
  Bench b({.wake = [&] { ++woken; }});
  DeferToken token;
  const auto handle = b.fallback.register_handler([&](Consultation& about) {
    token = about.defer();
    return FallbackDecision::defer();
  });
  b.run();
  const int before = woken;
  b.syn();
  bool taken = false;
  std::thread([&] { taken = token.accept(echo_text).has_value(); }).join();
  CHECK(taken);
  CHECK(woken == before + 1);
  b.run();
  b.t.expect("S. 0:0(0) ack 1");
}

TEST_CASE("Fallback: a handler that throws refuses that flow only", "[fallback-33][threads]") {
  Bench b;
  Calls next;
  bool broken = true;
  const auto handle = b.fallback.register_handler([&](const SynInfo&) -> FallbackDecision {
    if (broken) throw std::runtime_error("no idea");
    return FallbackDecision::accept(echo_text);
  });
  const auto other = b.fallback.register_handler(accepting(next));
  b.syn();
  b.expect_reset();
  CHECK(next.count() == 0);  // it neither declined nor claimed: nobody knows what it has begun
  CHECK(b.fallback.counters().callback_failures == 1);
  CHECK(b.fallback.counters().of(Verdict::failed) == 1);
  broken = false;
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
}

TEST_CASE("Fallback: a handler that throws after it asked for a token leaves nothing behind",
          "[fallback-33][threads]") {
  Bench b;
  DeferToken token;
  const auto handle = b.fallback.register_handler([&](Consultation& about) -> FallbackDecision {
    token = about.defer();
    throw 42;
  });
  b.syn();
  b.expect_reset();
  CHECK(b.idle());
  CHECK(token.accept(echo_text).error() == AnswerError::cancelled);
}

Task throw_at_once(Stream stream) {
  const Stream kept = std::move(stream);
  throw std::runtime_error("at once");
  co_return;
}

Task throw_later(Stream stream) {
  std::array<std::byte, 10> buffer;
  (void)co_await read(stream, buffer);
  throw std::runtime_error("later");
}

Task throw_before_it_begins(Stream) { throw std::runtime_error("no coroutine"); }

TEST_CASE("Fallback: a connection handler that throws resets its connection only", "[fallback-33][threads]") {
  Bench b;
  int reported = 0;
  b.executor.on_failure([&](std::exception_ptr) { ++reported; });
  Task (*serve)(Stream) = GENERATE(throw_at_once, throw_later, throw_before_it_begins);
  const auto handle = b.fallback.register_handler([&](const SynInfo& syn) {
    return FallbackDecision::accept(syn.tuple.remote.port == 40'001 ? serve : echo_text);
  });
  b.establish();
  b.t.between(unclaimed_port, 40'001);
  b.establish();
  if (serve == throw_later) {
    b.t.inject("P. 1:11(10) ack 1");
    b.run();
  }
  bool reset = false;
  while (const auto packet = b.t.stack().transmit(b.t.now())) {
    const Packet bytes = flatten(*packet);
    reset = wire::parse_segment(*wire::parse_ipv4(bytes))->rst();
  }
  CHECK(reset);
  CHECK(reported == 1);
  CHECK(b.fallback.counters().handler_failures == 1);
  CHECK(b.fallback.gauges().served == 1);
  CHECK(b.executor.tasks() == 1);
  b.t.between(unclaimed_port, 40'002);
  b.establish();
  CHECK(b.fallback.gauges().served == 2);
}

TEST_CASE("Fallback: a flow whose handler finds no memory for its frame is reset", "[fallback-33][threads]") {
  Bench b({}, [](Config& config) { config.coroutine_memory = 4096; });
  const auto serve_with_much = [](Stream stream) -> Task {
    std::array<std::byte, 6000> buffer;
    (void)co_await read(stream, buffer);
  };
  Calls calls;
  const auto handle = b.fallback.register_handler([&](const SynInfo& syn) {
    return syn.tuple.remote.port == 40'001 ? FallbackDecision::accept(serve_with_much)
                                           : FallbackDecision::accept(echo_text);
  });
  b.t.between(unclaimed_port, 40'001);
  b.establish();
  b.t.expect("R. 1:1(0) ack 1");
  CHECK(b.fallback.counters().handler_failures == 1);
  CHECK(b.idle());
}

TEST_CASE("Fallback: an executor that goes first ends what is served, and the manager knows", "[fallback-29]") {
  Scenario t([](Config& config) { config.coroutine_memory = 256 * 1024; });
  t.between(unclaimed_port, 40'000);
  auto executor = std::make_optional<Executor>(t.stack());
  FallbackManager fallback(t.stack(), *executor);
  const auto handle = fallback.register_handler([](const SynInfo&) { return FallbackDecision::accept(echo_text); });
  t.inject("S 0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1");
  t.inject(". 1:1(0) ack 1");
  executor->run(t.now());
  CHECK(fallback.gauges().served == 1);
  executor.reset();
  CHECK(fallback.gauges().in_flight() == 0);
  t.expect("F. 1:1(0) ack 1");
}

}  // namespace
}  // namespace backstop::test
