// Decisions that come later: nothing is sent until the token is answered, and every end of the wait is told once.
#include <thread>

#include "tests/fallback/bench.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/link.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

// A handler that defers everything, and keeps the tokens.
struct Deferring {
  std::vector<DeferToken> tokens;
  std::vector<SynInfo> asked;
  int cancelled = 0;
  Duration timeout = 5s;
  Refusal refusal{};

  auto handler() {
    return [this](Consultation& about) {
      asked.push_back(about.syn());
      tokens.push_back(about.defer({.timeout = timeout, .refusal = refusal, .on_cancel = [this] { ++cancelled; }}));
      return FallbackDecision::defer();
    };
  }
};

TEST_CASE("Fallback: a deferred flow gets nothing until the answer, however often it asks", "[fallback-22]") {
  Bench b;
  Deferring later;
  const auto handle = b.fallback.register_handler(later.handler());
  for (const auto wait : {0s, 1s, 2s}) {
    b.advance(wait);
    b.syn();
    b.t.silence();
  }
  CHECK(later.asked.size() == 1);
  CHECK(b.fallback.counters().absorbed == 2);
  CHECK(b.fallback.gauges().pending == 1);
  CHECK(b.t.stack().connections() == 0);
  REQUIRE(later.tokens.size() == 1);
  CHECK(later.tokens[0].waits());
}

TEST_CASE("Fallback: an answer is carried out at that instant, with the latest SYN's options", "[fallback-23]") {
  Bench b;
  Deferring later;
  const auto handle = b.fallback.register_handler(later.handler());
  b.t.inject("S 0:0(0) win 65535 <mss 1460,TS val 100 ecr 0>");
  b.advance(500ms);
  b.t.inject("S 0:0(0) win 65535 <mss 1200,TS val 600 ecr 0>");
  b.advance(200ms);
  b.t.silence();
  CHECK(later.tokens[0].accept(echo_text));
  CHECK_FALSE(later.tokens[0].waits());
  CHECK(b.executor.next_deadline() == immediately);
  b.run();
  b.t.expect("S. 0:0(0) ack 1 <mss 1460,TS ecr 600>");
  CHECK(b.t.stack().connection_at(0)->info.peer_mss == 1200);
  b.t.inject(". 1:1(0) ack 1");
  b.run();
  CHECK(b.fallback.gauges().served == 1);
  CHECK(b.fallback.counters().of(Verdict::accepted) == 1);
  CHECK(later.cancelled == 0);
}

TEST_CASE("Fallback: each way to refuse can be the late answer", "[fallback-23]") {
  Bench b;
  Deferring later;
  const auto handle = b.fallback.register_handler(later.handler());
  b.syn();
  DeferToken token = std::move(later.tokens[0]);
  SECTION("reject") {
    CHECK(token.reject());
    b.run();
    b.expect_reset();
    CHECK(b.fallback.counters().of(Verdict::rejected) == 1);
  }
  SECTION("drop") {
    CHECK(token.drop());
    b.run();
    CHECK(b.fallback.counters().of(Verdict::dropped) == 1);
  }
  SECTION("unreachable") {
    CHECK(token.unreachable(wire::UnreachableCode::host));
    b.run();
    b.t.expect("icmp: host 10.0.0.2 unreachable [seq 0]");
    CHECK(b.fallback.counters().of(Verdict::unreachable) == 1);
  }
  SECTION("decline") {
    Calls next;
    const auto other = b.fallback.register_handler(accepting(next));
    CHECK(token.decline());
    b.run();
    b.t.expect("S. 0:0(0) ack 1");
    CHECK(next.count() == 1);
  }
  SECTION("decline, and nobody is left") {
    CHECK(token.decline());
    b.run();
    b.expect_reset();
    CHECK(b.fallback.counters().of(Verdict::declined) == 1);
  }
  SECTION("an empty handler rejects") {
    CHECK(token.accept({}));
    b.run();
    b.expect_reset();
  }
  b.t.silence();
  CHECK(b.fallback.gauges().pending == 0);
  CHECK(later.cancelled == 0);
}

TEST_CASE("Fallback: answering inside the handler is an answer like any other", "[fallback-23]") {
  Bench b;
  const auto handle = b.fallback.register_handler([&](Consultation& about) {
    (void)about.defer().accept(echo_text);
    return FallbackDecision::defer();
  });
  b.syn();
  b.run();
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(b.fallback.gauges().half_open == 1);
}

TEST_CASE("Fallback: a wait that ends unanswered is refused as asked for, and late answers are told", "[fallback-24]") {
  Bench b;
  Deferring later;
  later.timeout = 700ms;
  later.refusal = GENERATE(Refusal{}, Refusal{.kind = Refusal::Kind::drop},
                           Refusal{Refusal::Kind::unreachable, wire::UnreachableCode::net});
  const auto handle = b.fallback.register_handler(later.handler());
  b.syn();
  b.advance(699ms);
  b.t.silence();
  CHECK(later.cancelled == 0);
  b.advance(1ms);
  if (later.refusal.kind == Refusal::Kind::reject) b.expect_reset();
  if (later.refusal.kind == Refusal::Kind::unreachable) b.t.expect("icmp: net 10.0.0.2 unreachable [seq 0]");
  b.t.silence();
  CHECK(later.cancelled == 1);
  CHECK(later.tokens[0].accept(echo_text).error() == AnswerError::expired);
  b.run();
  b.t.silence();
  CHECK(b.fallback.counters().of(Verdict::expired) == 1);
  CHECK(b.idle());
}

TEST_CASE("Fallback: a token destroyed unanswered is a rejection", "[fallback-25]") {
  Bench b;
  Deferring later;
  const auto handle = b.fallback.register_handler(later.handler());
  b.syn();
  later.tokens.clear();
  b.run();
  b.expect_reset();
  CHECK(b.fallback.counters().of(Verdict::rejected) == 1);
  CHECK(later.cancelled == 0);
}

TEST_CASE("Fallback: of two answers the first wins", "[fallback-25]") {
  Bench b;
  Deferring later;
  const auto handle = b.fallback.register_handler(later.handler());
  b.syn();
  CHECK(later.tokens[0].reject());
  CHECK(later.tokens[0].accept(echo_text).error() == AnswerError::already_answered);
  b.run();
  CHECK(later.tokens[0].accept(echo_text).error() == AnswerError::already_answered);
  b.expect_reset();
}

TEST_CASE("Fallback: of two answers from two threads exactly one wins", "[fallback-25][threads]") {
  Bench b;
  Deferring later;
  const auto handle = b.fallback.register_handler(later.handler());
  for (std::uint16_t port = 1000; port < 1100; ++port) {
    b.t.between(unclaimed_port, port);
    b.syn();
    DeferToken& token = later.tokens.back();
    std::array<bool, 2> won{};
    std::thread other([&] { won[0] = token.reject().has_value(); });
    won[1] = token.accept(echo_text).has_value();
    other.join();
    CHECK(won[0] != won[1]);
    b.run();
    b.t.expect(won[0] ? "R. ack 1" : "S. 0:0(0) ack 1");
    if (won[1]) b.t.inject("R 1:1(0)");
    b.run();
  }
  CHECK(b.idle());
}

TEST_CASE("Fallback: a caller that gives up cancels the token, once", "[fallback-26]") {
  Bench b;
  Deferring later;
  const auto handle = b.fallback.register_handler(later.handler());
  b.syn();
  b.t.inject(GENERATE("R 1:1(0)", "R. 1:1(0) ack 5"));
  b.t.silence();
  CHECK(later.cancelled == 1);
  CHECK(later.tokens[0].accept(echo_text).error() == AnswerError::cancelled);
  b.run();
  b.t.silence();
  CHECK(b.fallback.counters().of(Verdict::cancelled) == 1);
  CHECK(b.idle());
}

TEST_CASE("Fallback: a RST with another number does not", "[fallback-26]") {
  Bench b;
  Deferring later;
  const auto handle = b.fallback.register_handler(later.handler());
  b.syn();
  for (const std::string_view line : {"R 0:0(0)", "R 2:2(0)", "R 100000:100000(0)"}) b.t.inject(line);
  b.t.silence();
  CHECK(later.cancelled == 0);
  CHECK(later.tokens[0].waits());
}

TEST_CASE("Fallback: RST behind the text of a SYN counts", "[fallback-26]") {
  Bench b;
  Deferring later;
  const auto handle = b.fallback.register_handler(later.handler());
  b.t.inject("S 0:10(10) win 65535");
  b.t.inject("R 11:11(0)");
  CHECK(later.cancelled == 1);
}

TEST_CASE("Fallback: a SYN with a new ISN takes the place of the one that waited", "[fallback-26]") {
  Bench b;
  Deferring later;
  const auto handle = b.fallback.register_handler(later.handler());
  b.syn();
  b.t.inject("S 5000:5000(0) win 65535");
  CHECK(later.cancelled == 1);
  REQUIRE(later.tokens.size() == 2);
  CHECK(later.tokens[0].accept(echo_text).error() == AnswerError::cancelled);
  CHECK(later.tokens[1].accept(echo_text));
  b.run();
  b.t.expect("S. 0:0(0) ack 5001");
  b.t.silence();
}

TEST_CASE("Fallback: pending flows do not hold up others", "[fallback-27]") {
  Bench b;
  Deferring later;
  later.timeout = 60s;
  Calls calls;
  const auto handle =
      b.fallback.register_handler([&, defer = later.handler()](Consultation& about) mutable -> FallbackDecision {
        if (about.destination().port == 9) return FallbackDecision::accept(echo_text);
        return defer(about);
      });
  for (std::uint16_t port = 1000; port < 1100; ++port) {
    b.t.between(unclaimed_port, port);
    b.syn();
  }
  CHECK(b.fallback.gauges().pending == 100);
  b.t.silence();
  b.t.between(9, 2000);
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");  // in the same poll
  b.t.between(80, 2001);
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");  // as the listener's
}

TEST_CASE("Fallback: when its handler leaves, a pending flow goes to the next one", "[fallback-28]") {
  Bench b;
  Deferring later;
  Calls before;
  Calls next;
  const auto first = b.fallback.register_handler(declining(before));
  auto handle = b.fallback.register_handler(later.handler());
  const auto other = b.fallback.register_handler(accepting(next));
  b.syn();
  CHECK(next.count() == 0);
  handle.reset();
  b.run();
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(before.count() == 1);
  CHECK(next.count() == 1);
  CHECK(later.cancelled == 1);
  CHECK(later.tokens[0].reject().error() == AnswerError::cancelled);
  CHECK(b.fallback.counters().handovers == 1);
}

TEST_CASE("Fallback: when the last handler leaves, a pending flow is refused", "[fallback-28]") {
  Bench b;
  Deferring later;
  auto handle = b.fallback.register_handler(later.handler());
  b.syn();
  handle.reset();
  b.run();
  b.expect_reset();
  CHECK(later.cancelled == 1);
  CHECK(b.idle());
}

TEST_CASE("Fallback: an answer given before the handler left counts", "[fallback-28]") {
  Bench b;
  Deferring later;
  auto handle = b.fallback.register_handler(later.handler());
  b.syn();
  CHECK(later.tokens[0].accept(echo_text));
  handle.reset();
  b.run();
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(later.cancelled == 0);
}

TEST_CASE("Fallback: when the manager ends with tokens out, all are cancelled and stay safe", "[fallback-29]") {
  Deferring later;
  FallbackHandle handle;
  {
    Bench b;
    handle = b.fallback.register_handler(later.handler());
    for (std::uint16_t port = 1000; port < 1003; ++port) {
      b.t.between(unclaimed_port, port);
      b.syn();
    }
    b.t.silence();
  }
  CHECK(later.cancelled == 3);
  CHECK(later.tokens[0].accept(echo_text).error() == AnswerError::cancelled);
  CHECK_FALSE(later.tokens[1].waits());
  later.tokens.clear();
  handle.reset();
}

TEST_CASE("Fallback: the manager's end refuses who waits", "[fallback-29]") {
  Bench b;
  Deferring later;
  auto manager = std::make_optional<FallbackManager>(b.t.stack(), b.executor);
  const auto handle = manager->register_handler(later.handler());
  b.syn();
  manager.reset();
  b.expect_reset();
  CHECK(later.cancelled == 1);
}

TEST_CASE("Fallback: a handler that asks for a token and decides otherwise has its word", "[fallback-25]") {
  Bench b;
  DeferToken token;
  const auto handle = b.fallback.register_handler([&](Consultation& about) {
    token = about.defer();
    return FallbackDecision::accept(echo_text);
  });
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(token.reject().error() == AnswerError::cancelled);
  CHECK(b.fallback.gauges().pending == 0);
  CHECK(b.fallback.gauges().half_open == 1);
}

TEST_CASE("Fallback: a handler that defers without asking for a token has rejected", "[fallback-25]") {
  Bench b;
  const auto handle = b.fallback.register_handler([](Consultation&) { return FallbackDecision::defer(); });
  b.syn();
  b.expect_reset();
  CHECK(b.fallback.counters().of(Verdict::rejected) == 1);
}

TEST_CASE("Fallback: dial first, then accept: a refused upstream is a refused client", "[fallback-30]") {
  // The middle host proxies by a second stack of its own to an upstream on 10.0.0.2.
  const bool upstream_listens = GENERATE(false, true);
  TwoHosts hosts({}, 1, [](Config& config) { config.coroutine_memory = 1 << 18; });
  Listener upstream;
  if (upstream_listens) upstream = hosts.second.listen({{}, 5432}).value();
  Bench b;
  Stream dialled;
  DeferToken token;
  const auto handle = b.fallback.register_handler([&](Consultation& about) {
    dialled = hosts.first.connect({hosts.second.config().address, 5432}, hosts.link.now()).value();
    token = about.defer();
    return FallbackDecision::defer();
  });
  b.syn();
  b.t.silence();
  Executor dialler(hosts.first);
  const auto wait_for_upstream = [](Stream& stream, DeferToken& answer) -> Task {
    const auto opened = co_await established(stream);
    (void)(opened ? answer.accept(echo_text) : answer.reject());
  };
  dialler.spawn(wait_for_upstream(dialled, token));
  REQUIRE(hosts.link.run_until(
      [&] {
        dialler.run(hosts.link.now());
        return dialler.tasks() == 0;
      },
      10s));
  b.run();
  if (upstream_listens) {
    b.t.expect("S. 0:0(0) ack 1");
  } else {
    b.expect_reset();
  }
  b.t.silence();
}

}  // namespace
}  // namespace backstop::test
