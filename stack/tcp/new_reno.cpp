// NewReno's window (RFC 5681): what it does at a loss beyond the threshold is in recovery.cpp (RFC 6582, RFC 6937).
#include <algorithm>

#include "stack/tcp/congestion.hpp"

namespace backstop::tcp {
namespace {

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

  std::uint32_t threshold_after_loss(CongestionState& state, std::uint32_t flight_size,
                                     std::uint32_t mss) const override {
    state.history->acked = 0;
    return std::max(flight_size / 2, 2 * mss);
  }

  void after_idle(CongestionState&, Duration) const override {}

 private:
  // RFC 5681 section 3.1: one MSS for each window of octets acknowledged.
  static void avoid_congestion(CongestionState& state, std::uint32_t acked, std::uint32_t mss) {
    state.history->acked += std::min(acked, state.cwnd);
    if (state.history->acked < state.cwnd) return;
    state.history->acked -= state.cwnd;
    grow(state, mss);
  }
};

constexpr NewReno the_new_reno;

}  // namespace

const CongestionControl& new_reno() { return the_new_reno; }

}  // namespace backstop::tcp
