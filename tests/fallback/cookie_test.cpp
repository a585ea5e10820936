// SYN cookies for the fallback: above its threshold an accepted flow is answered and forgotten, and asked about again
// when its peer has shown that it is there.
#include <stdexcept>

#include "tests/fallback/bench.hpp"
#include "tests/support/catch.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view full_syn = "S 0:0(0) win 65535 <mss 1460,sackOK,TS val 9 ecr 0,wscale 7>";

TEST_CASE("Fallback: above the threshold an accepted flow gets a cookie, and nothing is kept", "[fallback-41]") {
  Bench b({.cookies_from = 2});
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  for (std::uint16_t port = 40'001; port <= 40'003; ++port) {
    b.t.between(unclaimed_port, port);
    b.syn();
    b.t.expect("S. 0:0(0) ack 1");
  }
  CHECK(b.fallback.gauges().half_open == 2);
  CHECK(b.t.stack().connections() == 2);
  CHECK(b.fallback.counters().of(Verdict::accepted) == 2);
  CHECK(b.fallback.counters().of(Verdict::cookie) == 1);
  CHECK(b.t.stack().statistics().syn_cookies_sent == 1);
  b.t.between(unclaimed_port, 40'001);
  b.t.inject("R 1:1(0)");
  b.run();
  b.t.between(unclaimed_port, 40'004);
  b.syn();  // there is room again
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(b.fallback.counters().of(Verdict::accepted) == 3);
}

TEST_CASE("Fallback: flows that wait for an answer count for the threshold, and are not answered with cookies",
          "[fallback-41]") {
  Bench b({.cookies_from = 1});
  DeferToken token;
  const auto handle = b.fallback.register_handler([&](Consultation& about) {
    if (about.source().port != 40'000) return FallbackDecision::accept(echo_text);
    token = about.defer();
    return FallbackDecision::defer();
  });
  b.syn();
  b.t.silence();
  b.t.between(unclaimed_port, 40'001);
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(b.fallback.counters().of(Verdict::cookie) == 1);
  CHECK(token.accept(echo_text));
  b.run();
  b.t.between(unclaimed_port, 40'000);
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(b.fallback.gauges().half_open == 1);
  CHECK(b.fallback.counters().of(Verdict::accepted) == 1);
}

TEST_CASE("Fallback: the ACK that brings a cookie back is asked about, and served at once", "[fallback-41]") {
  Bench b({.cookies_from = 0});
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  b.t.inject(full_syn);
  b.t.expect("S. 0:0(0) ack 1 <mss 1460,sackOK,TS ecr 9,wscale 5>");
  REQUIRE(calls.count() == 1);
  CHECK_FALSE(calls.asked[0].cookie);
  CHECK(b.idle());

  b.t.inject("P. 1:11(10) ack 1 win 500");
  b.run();
  REQUIRE(calls.count() == 2);
  const SynInfo& syn = calls.asked[1];
  CHECK(syn.cookie);
  CHECK(syn.tuple == calls.asked[0].tuple);
  CHECK(syn.irs == calls.asked[0].irs);
  CHECK(syn.mss == 1460);
  CHECK(syn.sack_permitted);
  CHECK(syn.window_scale == 7);
  CHECK(syn.timestamps);
  CHECK(syn.window == 500);
  CHECK(b.fallback.gauges().served == 1);
  b.t.expect("P. 1:11(10) ack 11");  // the text of that segment, echoed

  const FallbackCounters& counters = b.fallback.counters();
  CHECK(counters.syns == 1);
  CHECK(counters.cookies == 1);
  CHECK(counters.of(Verdict::cookie) == 1);
  CHECK(counters.of(Verdict::accepted) == 1);
  CHECK(counters.established == 1);
}

TEST_CASE("Fallback: a cookie of a listener that has ended is asked about too", "[fallback-41]") {
  Bench b({}, [](Config& config) { config.syn_cookies_from = 0; });
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  b.t.between(80, 40'000);
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  CHECK(calls.count() == 0);
  b.t.stop_listening();
  b.t.inject(". 1:1(0) ack 1");
  b.run();
  CHECK(calls.count() == 1);
  CHECK(b.fallback.gauges().served == 1);
}

TEST_CASE("Fallback: a listener that opens before the cookie comes back has the flow", "[fallback-41]") {
  Bench b({.cookies_from = 0});
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  auto listener = b.t.stack().listen({{}, unclaimed_port});
  REQUIRE(listener);
  b.t.inject(". 1:1(0) ack 1");
  b.t.silence();
  CHECK(listener->accept());
  CHECK(calls.count() == 1);
}

TEST_CASE("Fallback: whatever refuses a flow whose cookie came back, its peer gets RST", "[fallback-41]") {
  Bench b({.cookies_from = 0});
  const Verdict expected =
      GENERATE(Verdict::declined, Verdict::rejected, Verdict::dropped, Verdict::unreachable, Verdict::failed);
  const auto handle = b.fallback.register_handler([&](const SynInfo& syn) -> FallbackDecision {
    if (!syn.cookie) return FallbackDecision::accept(echo_text);
    if (expected == Verdict::declined) return FallbackDecision::decline();
    if (expected == Verdict::dropped) return FallbackDecision::drop();
    if (expected == Verdict::unreachable) return FallbackDecision::unreachable();
    if (expected == Verdict::failed) throw std::runtime_error("no more");
    return FallbackDecision::reject();
  });
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  b.t.inject(". 1:1(0) ack 1");
  CHECK_FALSE(b.t.expect("R 1:1(0)").has_ack());
  b.t.silence();
  CHECK(b.fallback.counters().of(expected) == 1);
  CHECK(b.t.stack().connections() == 0);
  CHECK(b.idle());
}

TEST_CASE("Fallback: it is too late to defer a flow whose cookie came back", "[fallback-41]") {
  Bench b({.cookies_from = 0});
  bool empty = false;
  const auto handle = b.fallback.register_handler([&](Consultation& about) {
    if (!about.syn().cookie) return FallbackDecision::accept(echo_text);
    empty = !about.defer();
    return FallbackDecision::defer();
  });
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  b.t.inject(". 1:1(0) ack 1");
  b.t.expect("R 1:1(0)");
  CHECK(empty);
  CHECK(b.fallback.counters().of(Verdict::rejected) == 1);
  CHECK(b.idle());
}

TEST_CASE("Fallback: with no handler left, a cookie that comes back is a stray", "[fallback-41]") {
  Bench b({.cookies_from = 0});
  Calls calls;
  auto handle = b.fallback.register_handler(accepting(calls));
  b.syn();
  b.t.expect("S. 0:0(0) ack 1");
  handle.reset();
  b.t.inject(". 1:1(0) ack 1");
  b.t.expect("R 1:1(0)");
  CHECK(calls.count() == 1);
}

TEST_CASE("Fallback: refusals and limits come before cookies", "[fallback-41]") {
  SECTION("a flow that is declined gets RST") {
    Bench b({.cookies_from = 0});
    Calls calls;
    const auto handle = b.fallback.register_handler(declining(calls));
    b.syn();
    b.expect_reset();
  }
  SECTION("so does one over a limit that resets") {
    Bench b({.per_source = {.max = 0}, .cookies_from = 0});
    Calls calls;
    const auto handle = b.fallback.register_handler(accepting(calls));
    b.syn();
    b.expect_reset();
    CHECK(b.fallback.counters().of(Verdict::over_limit) == 1);
  }
  SECTION("a limit that sheds does so for a flow whose cookie came back, and for no other") {
    Bench b({.limit = {.max = 1, .policy = OverLimit::shed_oldest}, .cookies_from = 1});
    Calls calls;
    const auto handle = b.fallback.register_handler(accepting(calls));
    b.syn();
    b.t.expect("S. 0:0(0) ack 1");
    b.t.between(unclaimed_port, 40'001);
    b.syn();
    b.t.expect("S. 0:0(0) ack 1");
    CHECK(b.fallback.counters().shed == 0);
    b.t.inject(". 1:1(0) ack 1");
    b.t.between(unclaimed_port, 40'000);
    b.t.expect("R. 1:1(0) ack 1");
    b.run();
    CHECK(b.fallback.counters().shed == 1);
    CHECK(b.fallback.gauges().served == 1);
  }
}

TEST_CASE("Fallback: a retransmitted SYN that was answered with a cookie is answered again", "[fallback-41]") {
  Bench b({.cookies_from = 0});
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  b.t.inject(full_syn);
  b.t.expect("S. 0:0(0) ack 1");
  b.advance(1s);
  b.t.inject("S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1009 ecr 0,wscale 7>");
  b.t.expect("S. 0:0(0) ack 1");
  b.t.inject(". 1:1(0) ack 1");
  b.run();
  CHECK(b.fallback.gauges().served == 1);
  CHECK(b.fallback.counters().of(Verdict::cookie) == 2);
}

}  // namespace
}  // namespace backstop::test
