// CUBIC (RFC 9438) in integers: octets, milliseconds, and HyStart++ (RFC 9406) for the first slow start.
#include <algorithm>

#include "stack/tcp/congestion.hpp"

namespace backstop::tcp {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// RFC 9438 section 4.6 and 4.1: beta is 0.7, C is 0.4 segments per second cubed.
constexpr std::uint64_t beta_tenths = 7;
constexpr std::int64_t c_tenths = 4;
// Why: 100 s from K no path is probed any more, and its cube in milliseconds, times an MSS, fits 64 bits.
constexpr std::int64_t farthest_from_k = 100'000;

std::uint64_t cube_root(std::uint64_t value) {
  std::uint64_t root = 0;
  for (int shift = 63; shift >= 0; shift -= 3) {
    root *= 2;
    const std::uint64_t trial = 3 * root * (root + 1) + 1;
    if ((value >> shift) >= trial) {
      value -= trial << shift;
      ++root;
    }
  }
  return root;
}

// (2) of section 4.2: K = cbrt((W_max - cwnd) / C), here in milliseconds.
std::uint32_t time_to_w_max(std::uint32_t w_max, std::uint32_t cwnd, std::uint32_t mss) {
  const std::uint64_t segments_over_c_milli = std::uint64_t{w_max - cwnd} * 10'000 / (c_tenths * mss);
  return static_cast<std::uint32_t>(cube_root(segments_over_c_milli * 1'000'000));
}

// (1) of section 4.2: W_cubic(t) = C (t - K)^3 + W_max, in octets.
std::uint32_t w_cubic(const CubicEpoch& epoch, Duration elapsed, std::uint32_t mss) {
  const std::int64_t t = std::chrono::duration_cast<milliseconds>(elapsed).count();
  const std::int64_t d = std::clamp<std::int64_t>(t - epoch.k, -farthest_from_k, farthest_from_k);
  const std::int64_t octets = d * d * d / 1000 * (c_tenths * std::int64_t{mss}) / 10'000'000;
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(epoch.w_max + octets, mss, 1 << 30));
}

// --- HyStart++.

constexpr std::uint32_t least_rise = 4'000;  // microseconds
constexpr std::uint32_t greatest_rise = 16'000;
constexpr std::uint32_t rise_divisor = 8;
constexpr std::uint8_t samples_wanted = 8;
constexpr std::uint32_t conservative_divisor = 4;
constexpr std::uint8_t conservative_rounds = 5;
constexpr std::uint32_t unknown = 0xffff'ffff;

void begin_round(SlowStartRounds& rounds, SeqNum nxt) {
  rounds.round_end = nxt;
  rounds.last_minimum = rounds.minimum;
  rounds.minimum = unknown;
  rounds.samples = 0;
}

void take_sample(SlowStartRounds& rounds, Duration rtt) {
  if (rtt <= Duration::zero()) return;
  const auto count = std::chrono::duration_cast<microseconds>(rtt).count();
  rounds.minimum = std::min(rounds.minimum, static_cast<std::uint32_t>(std::min<std::int64_t>(count, unknown - 1)));
  if (rounds.samples < 255) ++rounds.samples;
}

bool rtt_has_risen(const SlowStartRounds& rounds) {
  if (rounds.samples < samples_wanted || rounds.minimum == unknown || rounds.last_minimum == unknown) return false;
  const std::uint32_t rise = std::clamp(rounds.last_minimum / rise_divisor, least_rise, greatest_rise);
  return rounds.minimum >= rounds.last_minimum + rise;
}

// Section 4.2: into conservative slow start when the RTT rises, back when that was a passing thing, out after five
// rounds.
void watch_rtt(CongestionState& state, const AckSample& sample) {
  SlowStartRounds& rounds = state.history->rounds;
  take_sample(rounds, sample.rtt);
  if (rounds.conservative_rounds == 0) {
    if (rtt_has_risen(rounds)) {
      rounds.baseline = rounds.minimum;
      rounds.conservative_rounds = 1;
    }
  } else if (rounds.samples >= samples_wanted && rounds.minimum < rounds.baseline) {
    rounds.baseline = unknown;
    rounds.conservative_rounds = 0;
  }
  if (sample.una < rounds.round_end) return;
  if (rounds.conservative_rounds > 0 && ++rounds.conservative_rounds > conservative_rounds) state.ssthresh = state.cwnd;
  begin_round(rounds, sample.nxt);
}

class Cubic final : public CongestionControl {
 public:
  void on_ack(CongestionState& state, const AckSample& sample) const override {
    std::uint32_t acked = sample.acked;
    if (state.in_slow_start()) acked -= slow_start(state, sample);
    if (acked > 0 && !state.in_slow_start()) avoid_congestion(state, sample, acked);
  }

  // Section 4.6 and 4.7, fast convergence.
  std::uint32_t threshold_after_loss(CongestionState& state, std::uint32_t flight_size,
                                     std::uint32_t mss) const override {
    CubicEpoch& epoch = state.history->cubic;
    epoch.cwnd_prior = state.cwnd;
    epoch.w_max = state.cwnd < epoch.w_max
                      ? static_cast<std::uint32_t>(std::uint64_t{state.cwnd} * (10 + beta_tenths) / 20)
                      : state.cwnd;
    epoch.start = immediately;
    const auto reduced = static_cast<std::uint32_t>(std::uint64_t{flight_size} * beta_tenths / 10);
    return std::max(reduced, 2 * mss);
  }

  // Section 5.8: the time in which nothing was sent does not count.
  void after_idle(CongestionState& state, Duration idle) const override {
    if (state.history->cubic.start != immediately) state.history->cubic.start += idle;
  }

 private:
  /// Returns how much of what was acknowledged slow start has used.
  static std::uint32_t slow_start(CongestionState& state, const AckSample& sample) {
    const bool first = state.ssthresh == CongestionState{}.ssthresh;
    const std::uint32_t part = std::min(sample.acked, state.ssthresh - state.cwnd);
    grow(state, state.history->rounds.conservative_rounds > 0 ? part / conservative_divisor : part);
    if (first) watch_rtt(state, sample);
    return part;
  }

  static void begin_epoch(CongestionState& state, const AckSample& sample) {
    CubicEpoch& epoch = state.history->cubic;
    epoch.start = sample.now;
    epoch.w_est = state.cwnd;
    state.history->acked = 0;
    epoch.k = state.cwnd < epoch.w_max ? time_to_w_max(epoch.w_max, state.cwnd, sample.mss) : 0;
    epoch.w_max = std::max(epoch.w_max, state.cwnd);
  }

  static void avoid_congestion(CongestionState& state, const AckSample& sample, std::uint32_t acked) {
    CubicEpoch& epoch = state.history->cubic;
    if (epoch.start == immediately) begin_epoch(state, sample);
    follow_reno(state, acked, sample.mss);
    const Duration elapsed = sample.now - epoch.start;
    if (w_cubic(epoch, elapsed, sample.mss) < epoch.w_est) {
      state.cwnd = std::max(state.cwnd, epoch.w_est);
      return;
    }
    // Section 4.4: towards where the curve will be in one RTT, at most half as much again.
    const std::uint32_t cwnd = state.cwnd;
    const std::uint32_t target = std::clamp(w_cubic(epoch, elapsed + sample.srtt, sample.mss), cwnd, cwnd + cwnd / 2);
    grow(state, static_cast<std::uint32_t>(std::uint64_t{target - cwnd} * acked / cwnd));
  }

  // Section 4.3: W_est grows as Reno would, a little slower until it has caught up with where the loss was.
  static void follow_reno(CongestionState& state, std::uint32_t acked, std::uint32_t mss) {
    CubicEpoch& epoch = state.history->cubic;
    const bool caught_up = epoch.w_est >= epoch.cwnd_prior;
    const std::uint64_t alpha_thousandths = caught_up ? 1000 : 529;  // 3 (1 - beta) / (1 + beta)
    // What is acknowledged adds up until it is worth an octet: in a large window, one segment alone is not.
    state.history->acked += std::min(acked, state.cwnd);
    const std::uint64_t growth = alpha_thousandths * mss * state.history->acked / state.cwnd / 1000;
    if (growth == 0) return;
    state.history->acked = 0;
    epoch.w_est = static_cast<std::uint32_t>(std::min<std::uint64_t>(epoch.w_est + growth, 1 << 30));
  }
};

constexpr Cubic the_cubic;

}  // namespace

const CongestionControl& cubic() { return the_cubic; }

}  // namespace backstop::tcp
