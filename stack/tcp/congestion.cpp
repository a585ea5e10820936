#include "stack/tcp/congestion.hpp"

#include <algorithm>

namespace backstop::tcp {
namespace {

// Why: windows are at most 2^30 octets (RFC 7323 section 2.3), so a larger cwnd means nothing, and sums stay in range.
constexpr std::uint32_t largest_cwnd = 1u << 30;

void grow(CongestionState& state, std::uint32_t octets) {
  state.cwnd = std::min(largest_cwnd, state.cwnd + std::min(octets, largest_cwnd));
}

class NewReno final : public CongestionControl {
 public:
  void on_ack(CongestionState& state, const AckSample& sample) const override {
    std::uint32_t acked = sample.acked;
    if (state.in_slow_start()) {
      const std::uint32_t part = std::min(acked, state.ssthresh - state.cwnd);
      grow(state, part);
      acked -= part;
    }
    if (acked > 0) avoid_congestion(state, acked, sample.mss);
  }

  std::uint32_t threshold_after_loss(CongestionState&, std::uint32_t in_flight, std::uint32_t mss) const override {
    return std::max(in_flight / 2, 2 * mss);
  }

 private:
  // RFC 5681 section 3.1: one MSS for each window of octets acknowledged.
  static void avoid_congestion(CongestionState& state, std::uint32_t acked, std::uint32_t mss) {
    state.acked_in_avoidance += std::min(acked, state.cwnd);
    if (state.acked_in_avoidance < state.cwnd) return;
    state.acked_in_avoidance -= state.cwnd;
    grow(state, mss);
  }
};

constexpr NewReno the_new_reno;

}  // namespace

const CongestionControl& new_reno() { return the_new_reno; }

std::uint32_t initial_window(std::uint32_t segments, std::uint32_t mss) {
  return std::min(segments * mss, std::max(2 * mss, segments * 1460));
}

}  // namespace backstop::tcp
