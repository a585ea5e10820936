// RFC 9293's figures 5 to 13, under their names. The peer of a Scenario is whichever side the figure gives the script
// to; where both sides do something, the figure is played twice, once from each side.
#include <array>

#include "stack/tcp/state.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/link.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

constexpr std::array every_state{State::closed,      State::listen,     State::syn_sent,   State::syn_received,
                                 State::established, State::fin_wait_1, State::fin_wait_2, State::close_wait,
                                 State::closing,     State::last_ack,   State::time_wait};

TEST_CASE("Figure 5: TCP connection state diagram", "[3.3.2]") {
  using enum State;
  // The edges between states in the figure; that any state may go to CLOSED is the delete-TCB of aborts and timeouts.
  constexpr std::array<std::pair<State, State>, 17> drawn{{{closed, listen},
                                                           {closed, syn_sent},
                                                           {listen, syn_received},
                                                           {listen, syn_sent},
                                                           {syn_sent, syn_received},
                                                           {syn_sent, established},
                                                           {syn_received, established},
                                                           {syn_received, fin_wait_1},
                                                           {syn_received, listen},
                                                           {established, fin_wait_1},
                                                           {established, close_wait},
                                                           {fin_wait_1, fin_wait_2},
                                                           {fin_wait_1, closing},
                                                           {fin_wait_1, time_wait},
                                                           {fin_wait_2, time_wait},
                                                           {close_wait, last_ack},
                                                           {closing, time_wait}}};
  for (const auto& [from, to] : drawn) {
    INFO(to_string(from) << " -> " << to_string(to));
    CHECK(is_edge(from, to));
  }
  for (const State from : every_state) {
    CHECK(is_edge(from, closed));
    CHECK_FALSE((from != closed && is_edge(from, from)));
  }
  CHECK_FALSE(is_edge(time_wait, established));
  CHECK_FALSE(is_edge(established, syn_sent));
  CHECK_FALSE(is_edge(close_wait, time_wait));
  CHECK_FALSE(is_edge(last_ack, time_wait));
}

TEST_CASE("Figure 6: basic three-way handshake, from the listening side", "[3.5]") {
  Scenario t;
  t.inject("S  0:0(0)       win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  t.silence();
  t.inject(".  1:1(0) ack 1");
  t.silence();
  Stream stream = t.accept();
  CHECK(stream.state() == State::established);
  CHECK(stream.local() == Scenario::default_local);
  CHECK(stream.remote() == Scenario::default_remote);
  t.inject("P. 1:101(100) ack 1");
  t.expect(".  1:1(0) ack 101");
}

TEST_CASE("Figure 6: basic three-way handshake, from the opening side", "[3.5]") {
  Scenario t;
  t.connect();
  t.state(State::syn_sent);
  t.expect("S  0:0(0) win 65535");
  t.inject("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  t.state(State::established);
  CHECK(t.news().established);
  t.expect(".  1:1(0) ack 1");
  t.write(100);
  t.expect("P. 1:101(100) ack 1");
  t.silence();
}

TEST_CASE("Figure 7: simultaneous connection synchronization", "[3.5][MUST-10]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.state(State::syn_received);
  t.expect("S. 0:0(0) ack 1");
  t.inject("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  t.state(State::established);
  CHECK(t.news().established);
  t.ignore_sent();  // an ACK of the SYN,ACK may follow or not; what counts is that text flows
  t.inject("P. 1:101(100) ack 1");
  t.expect(".  1:1(0) ack 101");
  t.read(100);
  t.write(50);
  t.expect("P. 1:51(50) ack 101");
}

TEST_CASE("Figure 7: two stacks open at the same time, and text flows", "[3.5][MUST-10]") {
  TwoHosts hosts;
  const Endpoint left{hosts.first.config().address, 1000};
  const Endpoint right{hosts.second.config().address, 2000};
  auto first = hosts.first.connect(right, hosts.link.now(), {.local = left});
  auto second = hosts.second.connect(left, hosts.link.now(), {.local = right});
  REQUIRE((first && second));
  REQUIRE(hosts.link.run_until(
      [&] { return first->state() == State::established && second->state() == State::established; }, 1s));
  CHECK(hosts.link.now() - Instant{} == 20ms);  // SYNs cross, then SYN,ACKs
}

TEST_CASE("Figure 8: recovery from old duplicate SYN, from the listening side", "[3.5]") {
  Scenario t;
  t.inject("S  -10:-10(0)     win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack -9");
  t.inject("R  -9:-9(0)");
  t.silence();
  t.advance(10ms);
  t.inject("S  0:0(0)       win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  CHECK(t.accept().state() == State::established);
}

TEST_CASE("Figure 8: recovery from old duplicate SYN, from the opening side", "[3.5]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject("S. 0:0(0) ack -9 win 65535 <mss 1460>");  // acknowledges the old duplicate
  t.expect("R  -9:-9(0)");
  t.silence();
  t.state(State::syn_sent);
  t.inject("S. 100:100(0) ack 1 win 65535 <mss 1460>");
  t.expect(".  1:1(0) ack 101");
  t.state(State::established);
}

TEST_CASE("Figure 9: half-open connection discovery, by the side that remembers", "[3.5.1]") {
  Scenario t;
  t.establish();
  t.inject("S  5000:5000(0) win 65535 <mss 1460>");
  t.expect(".  1:1(0) ack 1");
  t.state(State::established);
  t.inject("R  1:1(0)");
  t.silence();
  t.state(State::closed);
  CHECK(t.news().closed);
  t.read_error(Error::connection_reset);
}

TEST_CASE("Figure 9: half-open connection discovery, by the side that has forgotten", "[3.5.1]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject(".  300:300(0) ack -300");  // the peer's ACK of what it expects next in the old connection
  t.expect("R  -300:-300(0)");
  t.state(State::syn_sent);
  t.advance(1s);
  t.expect("S  0:0(0)");  // and goes on trying
  t.inject("S. 0:0(0) ack 1 win 65535");
  t.expect(".  1:1(0) ack 1");
}

TEST_CASE("Figure 10: active side causes half-open connection discovery", "[3.5.1]") {
  Scenario t;
  t.stop_listening();
  t.inject("P. 300:310(10) ack 100");
  t.expect("R  100:100(0)");
  t.silence();
}

TEST_CASE("Figure 10: the side that has text in a half-open connection aborts", "[3.5.1]") {
  Scenario t;
  t.establish();
  t.write(10);
  t.expect("P. 1:11(10) ack 1");
  t.inject("R  1:1(0)");
  t.silence();
  t.state(State::closed);
  t.read_error(Error::connection_reset);
}

TEST_CASE("Figure 11: old duplicate SYN initiates a reset on two passive sockets", "[3.5.1]") {
  Scenario t;
  SECTION("the side that gets the old duplicate returns to LISTEN") {
    t.inject("S  0:0(0) win 65535");
    t.expect("S. 0:0(0) ack 1");
    t.inject("R  1:1(0)");
    t.silence();
    CHECK(t.stack().connections() == 0);
    CHECK_FALSE(t.listener().accept().has_value());
    CHECK_FALSE(t.news(t.listener().id()).acceptable);
  }
  SECTION("the other listener resets the SYN,ACK") {
    t.inject("S. 300:300(0) ack 77 win 65535");
    t.expect("R  77:77(0)");
    t.silence();
    CHECK(t.stack().connections() == 0);
  }
}

TEST_CASE("Figure 12: normal close sequence, from the side that closes first", "[3.6][MUST-12][MUST-13]") {
  Scenario t;
  t.establish();
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.state(State::fin_wait_1);
  t.inject(".  1:1(0) ack 2");
  t.state(State::fin_wait_2);
  t.inject("F. 1:1(0) ack 2");
  t.expect(".  2:2(0) ack 2");
  t.state(State::time_wait);
  t.read_end();
  t.silence(60s - 1us);
  t.state(State::time_wait);
  t.silence(1us);
  t.state(State::closed);
}

TEST_CASE("Figure 12: normal close sequence, from the side that closes second", "[3.6][MUST-12]") {
  Scenario t;
  t.establish();
  t.inject("F. 1:1(0) ack 1");
  t.expect(".  1:1(0) ack 2");
  t.state(State::close_wait);
  CHECK(t.news().readable);
  t.read_end();
  t.close();
  t.expect("F. 1:1(0) ack 2");
  t.state(State::last_ack);
  t.inject(".  2:2(0) ack 2");
  t.silence();
  t.state(State::closed);
  CHECK(t.news().closed);
  t.read_end();  // closed normally, not aborted
}

TEST_CASE("Figure 13: simultaneous close sequence", "[3.6]") {
  Scenario t;
  t.establish();
  t.close();
  t.expect("F. 1:1(0) ack 1");
  t.inject("F. 1:1(0) ack 1");
  t.state(State::closing);
  t.expect(".  2:2(0) ack 2");
  t.inject(".  2:2(0) ack 2");
  t.state(State::time_wait);
  t.silence(60s);
  t.state(State::closed);
}

TEST_CASE("Figure 13: two stacks close at the same time and both wait 2 MSL", "[3.6]") {
  TwoHosts hosts;
  auto [first, second] = hosts.connect();
  REQUIRE((first.close() && second.close()));
  REQUIRE(hosts.link.run_until([&] { return first.state() == State::time_wait && second.state() == State::time_wait; },
                               1s));
  const Instant waiting_since = hosts.link.now();
  REQUIRE(hosts.link.run_until([&] { return first.state() == State::closed && second.state() == State::closed; }, 61s));
  CHECK(hosts.link.now() - waiting_since == 60s);
}

}  // namespace
}  // namespace backstop::test
