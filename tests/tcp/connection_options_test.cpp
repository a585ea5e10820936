// What may be set for one connection (stack/tcp/connection_options.hpp): each option on one connection and not on its
// neighbour, and the sets that they share.
#include "stack/tcp/connection_options.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

template <typename Change>
void set(Scenario& t, Change change) {
  ConnectionOptions options = t.stream().options();
  change(options);
  REQUIRE(t.stream().set_options(options));
}

TEST_CASE("options: equal ones are shared, and the table is bounded") {
  tcp::OptionSets sets{{}, 3, *std::pmr::get_default_resource()};
  ConnectionOptions quick;
  quick.no_delay = true;
  ConnectionOptions near;
  near.ttl = 1;
  CHECK(sets.acquire({}) == tcp::default_options);
  const auto first = sets.acquire(quick);
  REQUIRE(first);
  CHECK(sets.acquire(quick) == first);
  const auto second = sets.acquire(near);
  REQUIRE(second);
  CHECK(second != first);
  CHECK(sets[*second].ttl == 1);
  ConnectionOptions third;
  third.dscp = 46;
  CHECK_FALSE(sets.acquire(third));
  sets.release(*first);
  CHECK_FALSE(sets.acquire(third));  // it had two users
  sets.release(*first);
  CHECK(sets.acquire(third) == first);
  CHECK(sets.acquire({}) == tcp::default_options);
}

TEST_CASE("options: they are one connection's own, and a closed connection gives its set back") {
  Scenario t{[](Config& config) { config.max_option_sets = 2; }};
  t.establish();
  set(t, [](ConnectionOptions& options) { options.ttl = 7; });
  CHECK(t.stream().options().ttl == 7);
  t.between(80, 40'001);
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("[ttl 64] S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  Stream other = t.accept();
  CHECK(other.options() == ConnectionOptions{t.stack().config().tcp});
  ConnectionOptions third = other.options();
  third.dscp = 1;
  CHECK(other.set_options(third).error() == Error::insufficient_resources);
  t.drop_stream();
  t.ignore_sent();
  t.between(80, 40'000);
  t.inject("R  1:1(0)");
  CHECK(other.set_options(third));
}

TEST_CASE("options: an empty handle has none") {
  Stream none;
  CHECK(none.set_options({}).error() == Error::connection_does_not_exist);
  CHECK(none.options() == ConnectionOptions{});
}

TEST_CASE("options: a listener's are those of its connections, from the SYN,ACK on", "[3.9.1.9][MUST-48][MUST-49]") {
  Scenario t;
  ConnectionOptions options = t.stack().config().tcp;
  options.ttl = 9;
  options.dscp = 46;
  options.receive_buffer = 1000;
  auto listener = t.stack().listen({{}, 81}, {.connections = options});
  REQUIRE(listener);
  t.between(81, 40'001);
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("[ttl 9, tos 184] S. 0:0(0) ack 1 win 1000");
  t.inject(".  1:1(0) ack 1");
  auto stream = listener->accept();
  REQUIRE(stream);
  CHECK(stream->options() == options);
  listener->reset();
  CHECK(stream->options() == options);
}

TEST_CASE("options: an active open may bring its own", "[3.9.1.9][MUST-48][MUST-49]") {
  Scenario t;
  ConnectionOptions options = t.stack().config().tcp;
  options.ttl = 9;
  options.dscp = 10;
  auto stream =
      t.stack().connect(Scenario::default_remote, t.now(), {.local = Scenario::default_local, .options = options});
  REQUIRE(stream);
  t.expect("[ttl 9, tos 40] S  0:0(0)");
}

TEST_CASE("DSCP and TTL: changed while the connection lives, on every segment of it",
          "[3.9.1.9][MUST-48][MUST-49][SHLD-21][SHLD-22]") {
  Scenario t;
  t.establish();
  t.write(10);
  t.expect("[ttl 64, tos 0] P. 1:11(10) ack 1");
  set(t, [](ConnectionOptions& options) {
    options.dscp = 0x2e;
    options.ttl = 255;
  });
  t.inject(".  1:1(0) ack 11");
  t.write(10);
  t.expect("[ttl 255, tos 184] P. 11:21(10) ack 1");
  t.inject("P. 11:21(10) ack 21");  // out of order: an immediate reply
  t.expect("[ttl 255, tos 184] .  21:21(0) ack 1");
  t.abort();
  t.expect("[ttl 255, tos 184] R. 21:21(0) ack 1");
}

TEST_CASE("keep-alive: switched on for one connection, and off again", "[3.8.4][MUST-24][MUST-27]") {
  Scenario t;
  t.establish();
  t.advance(1h);
  set(t, [](ConnectionOptions& options) {
    options.keep_alive = true;
    options.keep_alive_idle = 10s;
    options.keep_alive_interval = 2s;
    options.keep_alive_probes = 2;
  });
  t.silence(10s - 1ns);
  t.advance(1ns);
  t.expect(".  0:0(0) ack 1");
  t.expect_after(2s, ".  0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  t.expect_after(10s, ".  0:0(0) ack 1");
  set(t, [](ConnectionOptions& options) { options.keep_alive = false; });
  t.silence(100h);
  t.state(State::established);
}

TEST_CASE("keep-alive: the user timeout ends it before its probes are used up", "[3.8.4][3.8.3][MUST-21]") {
  Scenario t;
  t.establish();
  set(t, [](ConnectionOptions& options) {
    options.keep_alive = true;
    options.keep_alive_idle = 10s;
    options.keep_alive_interval = 2s;
    options.keep_alive_probes = 100;
    options.user_timeout = 5s;
  });
  t.expect_after(10s, ".  0:0(0) ack 1");
  t.expect_after(2s, ".  0:0(0) ack 1");
  t.expect_after(2s, ".  0:0(0) ack 1");
  t.silence(1s - 1ns);
  t.state(State::established);
  t.advance(1ns);
  t.state(State::closed);
  t.read_error(Error::user_timeout);
}

TEST_CASE("user timeout: set while text is unacknowledged, it ends the connection to the nanosecond",
          "[3.8.3][MUST-21]") {
  Scenario t;
  t.establish();
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.advance(1s);
  t.ignore_sent();
  set(t, [](ConnectionOptions& options) { options.user_timeout = 3s; });
  t.advance(2s - 1ns);
  t.ignore_sent();
  t.state(State::established);
  t.advance(1ns);
  t.silence();
  t.state(State::closed);
  t.read_error(Error::user_timeout);
}

TEST_CASE("timeouts: the largest duration is never", "[3.8.3][MUST-21][MUST-27]") {
  Scenario t;
  t.establish();
  set(t, [](ConnectionOptions& options) {
    options.user_timeout = Duration::max();
    options.fin_wait_2_timeout = Duration::max();
    options.keep_alive_idle = Duration::max();
    options.keep_alive = true;
  });
  t.write(100);
  t.advance(24h);
  t.ignore_sent();
  t.state(State::established);
  t.inject(".  1:1(0) ack 101");
  t.drop_stream();
  t.expect("F. 101:101(0) ack 1");
  t.inject(".  1:1(0) ack 102");
  t.silence(24h);
  CHECK(t.stack().connections() == 1);
}

TEST_CASE("user timeout: it also ends the probing of a closed window that nobody answers",
          "[3.8.3][3.8.6.1][MUST-21]") {
  Scenario t;
  t.establish();
  set(t, [](ConnectionOptions& options) { options.user_timeout = 3s; });
  t.inject(".  1:1(0) ack 1 win 0");
  t.write(100);
  t.advance(3s - 1ns);
  t.ignore_sent();
  t.state(State::established);
  t.advance(1ns);
  t.state(State::closed);
  t.read_error(Error::user_timeout);
}

TEST_CASE("R1: between it and R2 the user is told, and told no more when it passes",
          "[3.8.3][MUST-20][SHLD-9][SHLD-10]") {
  Scenario t;
  t.establish();
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.expect_after(200ms, "P. 1:101(100) ack 1");
  t.expect_after(400ms, "P. 1:101(100) ack 1");
  CHECK_FALSE(t.news().error_reported);
  t.expect_after(800ms, "P. 1:101(100) ack 1");  // the third retransmission
  CHECK(t.news().error_reported);
  CHECK(t.stream().info().soft_error == Error::excessive_retransmissions);
  t.state(State::established);
  t.inject(".  1:1(0) ack 101");
  CHECK_FALSE(t.stream().info().soft_error);
}

TEST_CASE("error reports: a soft error of the path is told, unless they are switched off",
          "[3.9.1.8][MUST-47][SHLD-20][SHLD-25]") {
  const bool wanted = GENERATE(true, false);
  Scenario t;
  t.establish();
  set(t, [&](ConnectionOptions& options) { options.error_reports = wanted; });
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.news();
  t.inject("icmp: host unreachable [seq 1]");
  t.state(State::established);
  CHECK(t.news().error_reported == wanted);
  CHECK(t.stream().info().soft_error == Error::host_unreachable);
}

TEST_CASE("linger 0: letting go is ABORT, in every state that has a peer", "[3.10.5]") {
  Scenario t;
  t.establish();
  set(t, [](ConnectionOptions& options) { options.reset_on_release = true; });
  std::string_view reset = "R. 1:1(0) ack 1";
  SECTION("ESTABLISHED") { t.state(State::established); }
  SECTION("ESTABLISHED, with text in flight: it is lost") {
    t.write(100);
    t.expect("P. 1:101(100) ack 1");
    reset = "R. 101:101(0) ack 1";
  }
  SECTION("after CLOSE") {
    t.close();
    t.expect("F. 1:1(0) ack 1");
    reset = "R. 2:2(0) ack 1";
  }
  SECTION("CLOSE-WAIT") {
    t.inject("F. 1:1(0) ack 1");
    t.expect(".  1:1(0) ack 2");
    reset = "R. 1:1(0) ack 2";
  }
  t.drop_stream();
  t.expect(reset);
  t.silence();
  CHECK(t.stack().connections() == 0);
}

TEST_CASE("linger 0: TIME-WAIT sends nothing, and is over", "[3.10.5]") {
  Scenario t;
  t.establish();
  set(t, [](ConnectionOptions& options) { options.reset_on_release = true; });
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("F. 1:1(0) ack 2");
  t.expect(".  2:2(0) ack 2");
  t.drop_stream();
  t.silence(1h);
  CHECK(t.stack().connections() == 0);
}

TEST_CASE("without linger 0, letting go sends what was written first, the FIN behind it", "[3.10.4]") {
  Scenario t;
  t.establish();
  t.inject(".  1:1(0) ack 1 win 0");
  t.write(100);
  t.drop_stream();
  t.silence();
  t.inject(".  1:1(0) ack 1 win 100");
  t.expect("FP. 1:101(100) ack 1");
}

TEST_CASE("FIN-WAIT-2: how long it waits without a user is the connection's own", "[3.6]") {
  Scenario t;
  t.establish();
  set(t, [](ConnectionOptions& options) { options.fin_wait_2_timeout = 1s; });
  t.drop_stream();
  t.expect("F. 1:1(0) ack 1");
  t.inject(".  1:1(0) ack 2");
  t.silence(1s);
  CHECK(t.stack().connections() == 0);
  t.advance(4s);
  t.inject("F. 1:1(0) ack 2");
  t.expect("R  2:2(0)");
}

TEST_CASE("buffers: the limits are the connection's own", "[3.8.6]") {
  Scenario t;
  t.establish();
  SECTION("send") {
    set(t, [](ConnectionOptions& options) { options.send_buffer = 1000; });
    CHECK(t.stream().write(text(0, 3000)) == 1000);
    CHECK(t.stream().write(text(0, 1)).error() == Error::would_block);
  }
  SECTION("receive: a smaller one takes effect as the window is used up, never by shrinking it") {
    set(t, [](ConnectionOptions& options) { options.receive_buffer = 2000; });
    t.inject("P. 1:1001(1000) ack 1");
    t.expect(".  1:1(0) ack 1001 win 64535");
    t.read(1000);
    t.silence();
  }
}

TEST_CASE("congestion control: the algorithm is the connection's own, and may change", "[3.8.2][MAY-18]") {
  Scenario t;
  t.establish("<mss 1000>");
  set(t, [](ConnectionOptions& options) { options.congestion = CongestionAlgorithm::new_reno; });
  t.write(10'000);
  for (int i = 0; i < 9; ++i) t.expect(".  ack 1");
  t.expect("P. 9001:10001(1000) ack 1");
  for (int duplicate = 0; duplicate < 3; ++duplicate) t.inject(".  1:1(0) ack 1");
  t.expect(".  1:1001(1000) ack 1");
  CHECK(t.stream().info().slow_start_threshold == 5000);  // a half; CUBIC takes 0.7
}

}  // namespace
}  // namespace backstop::test
