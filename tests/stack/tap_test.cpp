#include <memory>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

using namespace backstop;
using test::Scenario;

TEST_CASE("Tap: hears of a RST that matched no connection, and of no other") {
  Scenario t;
  std::vector<std::pair<FourTuple, SeqNum>> heard;
  TapCallbacks callbacks;
  callbacks.unmatched_reset = [&](const FourTuple& tuple, SeqNum seq, Instant) { heard.emplace_back(tuple, seq); };
  const Tap tap = t.stack().attach_tap(std::move(callbacks));

  t.establish();
  t.inject("R 1:1(0)");
  t.state(State::closed);
  CHECK(heard.empty());

  t.between(81, 5000);
  t.inject("S 0:0(0) win 1000");  // nobody has a say about this one
  t.expect("R. 0:0(0) ack 1");
  t.inject("R 1:1(0)");
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].first.local.port == 81);
  CHECK(heard[0].first.remote == Endpoint{Scenario::default_remote.address, 5000});

  t.between(Scenario::default_local.port, 5001);  // where a listener is
  t.inject("R. 7:7(0) ack 1");
  CHECK(heard.size() == 2);
  t.silence();
}

TEST_CASE("Tap: a callback may detach its own tap, and is let go when it has ended") {
  Scenario t;
  Tap tap;
  const auto heard = std::make_shared<int>(0);
  TapCallbacks callbacks;
  callbacks.unmatched_reset = [&tap, heard](auto&&...) {
    ++*heard;
    tap.detach();
  };
  tap = t.stack().attach_tap(std::move(callbacks));
  t.between(81, 5000);
  t.inject("R 0:0(0)");
  CHECK(heard.use_count() == 1);
  t.inject("R 0:0(0)");
  CHECK(*heard == 1);
}
