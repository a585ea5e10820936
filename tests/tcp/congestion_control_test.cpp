// The two algorithms behind their interface (stack/tcp/congestion.hpp), and what the sender around them lets them see.
#include "stack/tcp/congestion.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t mss = 1448;
constexpr std::uint32_t largest = 1u << 30;  // RFC 7323 section 2.3

// Acknowledges one window after the other, an eighth of it at a time, with a round trip of 50 ms.
class Acknowledgments {
 public:
  Acknowledgments(CongestionAlgorithm algorithm, tcp::CongestionState& state)
      : control_(tcp::congestion_control(algorithm)), state_(state) {}

  void window() {
    const std::uint32_t part = std::max(state_.cwnd / 8, mss);
    for (std::uint32_t acked = 0; acked < state_.cwnd; acked += part) {
      now_ += 50ms / 8;
      una_ += part;
      octets_ += part;
      const std::uint32_t before = state_.cwnd;
      control_.on_ack(
          state_,
          {.acked = part, .mss = mss, .rtt = 50ms, .srtt = 50ms, .una = una_, .nxt = una_ + state_.cwnd, .now = now_});
      shrank_ = shrank_ || state_.cwnd < before;
    }
  }
  [[nodiscard]] std::uint64_t octets() const { return octets_; }
  [[nodiscard]] bool shrank() const { return shrank_; }

 private:
  const tcp::CongestionControl& control_;
  tcp::CongestionState& state_;
  SeqNum una_{0xffff'0000};
  Instant now_{};
  std::uint64_t octets_ = 0;
  bool shrank_ = false;
};

TEST_CASE("congestion: 2^40 octets without a loss overflow nothing, and no acknowledgment shrinks the window",
          "[3.8.2][MUST-19][RFC5681][RFC9438]") {
  const auto algorithm = GENERATE(CongestionAlgorithm::new_reno, CongestionAlgorithm::cubic);
  const bool avoidance = GENERATE(true, false);
  CAPTURE(static_cast<int>(algorithm), avoidance);
  tcp::CongestionHistory history;
  tcp::CongestionState state{.history = &history};
  state.cwnd = 10 * mss;
  if (avoidance) state.ssthresh = state.cwnd;
  Acknowledgments acks{algorithm, state};
  while (acks.octets() < std::uint64_t{1} << 40) {
    acks.window();
    REQUIRE_FALSE(acks.shrank());
    REQUIRE(state.cwnd <= largest);
  }
  CHECK(state.cwnd > 10'000 * mss);
}

TEST_CASE("congestion: above ssthresh NewReno grows by one segment a window, however large it is", "[RFC5681]") {
  const std::uint32_t begin = GENERATE(10 * mss, 1000 * mss, 100'000 * mss);
  tcp::CongestionHistory history;
  tcp::CongestionState state{.history = &history};
  state.cwnd = state.ssthresh = begin;
  Acknowledgments acks{CongestionAlgorithm::new_reno, state};
  for (int round = 0; round < 10; ++round) acks.window();
  CHECK(state.cwnd >= begin + 8 * mss);
  CHECK(state.cwnd <= begin + 11 * mss);
}

TEST_CASE("congestion: CUBIC never grows slower than Reno would, also where one segment is worth less than an octet",
          "[RFC9438]") {
  // The window of a loss long ago, so that the curve is flat and Reno's estimate leads.
  const std::uint32_t begin = 4000 * mss;
  tcp::CongestionHistory history;
  tcp::CongestionState state{.history = &history};
  state.cwnd = state.ssthresh = begin;
  const tcp::CongestionControl& control = tcp::congestion_control(CongestionAlgorithm::cubic);
  Instant now{};
  SeqNum una{};
  std::uint64_t acked = 0;
  const std::uint64_t windows = 40;
  while (acked < windows * begin) {
    now += 1us;  // so short a round trip that the curve has no time to rise
    una += mss;
    acked += mss;
    control.on_ack(state, {.acked = mss, .mss = mss, .rtt = 4ms, .srtt = 4ms, .una = una, .nxt = una, .now = now});
  }
  CHECK(state.cwnd >= begin + windows / 2 * mss);
}

TEST_CASE("congestion: CUBIC comes down to seven tenths, and is back at the old window after K", "[RFC9438]") {
  tcp::CongestionHistory history;
  tcp::CongestionState state{.history = &history};
  state.cwnd = 1000 * mss;
  const tcp::CongestionControl& control = tcp::congestion_control(CongestionAlgorithm::cubic);
  state.ssthresh = control.threshold_after_loss(state, state.cwnd, mss);
  CHECK(state.ssthresh == 700 * mss);
  state.cwnd = state.ssthresh;
  Acknowledgments acks{CongestionAlgorithm::cubic, state};
  // K = cbrt(300 / 0.4) = 9.09 s.
  for (int round = 0; round < 160; ++round) acks.window();  // 8 s
  CHECK(state.cwnd < 1000 * mss);
  CHECK(state.cwnd > 985 * mss);
  for (int round = 0; round < 40; ++round) acks.window();  // 10 s
  CHECK(state.cwnd >= 999 * mss);
  CHECK(state.cwnd < 1010 * mss);
}

TEST_CASE("congestion: NewReno comes down to half of what is in flight, two segments at least", "[RFC5681]") {
  tcp::CongestionHistory history;
  tcp::CongestionState state{.history = &history};
  state.cwnd = 1000 * mss;
  const tcp::CongestionControl& control = tcp::congestion_control(CongestionAlgorithm::new_reno);
  CHECK(control.threshold_after_loss(state, 1000 * mss, mss) == 500 * mss);
  CHECK(control.threshold_after_loss(state, 600 * mss, mss) == 300 * mss);
  CHECK(control.threshold_after_loss(state, mss, mss) == 2 * mss);
}

TEST_CASE("congestion: what an application does not use does not inflate the window", "[RFC7661]") {
  const auto algorithm = GENERATE(CongestionAlgorithm::new_reno, CongestionAlgorithm::cubic);
  Scenario t{[&](Config& config) { config.tcp.congestion = algorithm; }};
  t.establish("<mss 1000>");
  std::uint32_t written = 0;
  const auto use = [&](std::uint32_t segments, int rounds) {
    for (int round = 0; round < rounds; ++round) {
      t.write(segments * 1000);
      t.ignore_sent();
      t.advance(20ms);
      written += segments * 1000;
      t.inject(".  1:1(0) ack " + std::to_string(1 + written));
    }
  };
  SECTION("in slow start") {
    use(2, 100);
    CHECK(t.stream().info().congestion_window == 10'000);
  }
  SECTION("in congestion avoidance") {
    t.write(10'000);
    written += 10'000;
    t.ignore_sent();
    t.advance(300ms);  // a timeout
    t.ignore_sent();
    t.inject(".  1:1(0) ack 10001");
    use(20, 5);
    const std::uint32_t before = t.stream().info().congestion_window;
    use(1, 200);
    CHECK(t.stream().info().congestion_window <= before);
  }
}

}  // namespace
}  // namespace backstop::test
