#include "stack/tcp/congestion.hpp"

#include <algorithm>
#include <utility>

namespace backstop::tcp {

const CongestionControl& congestion_control(CongestionAlgorithm algorithm) {
  return algorithm == CongestionAlgorithm::cubic ? cubic() : new_reno();
}

void grow(CongestionState& state, std::uint32_t octets) {
  // Why: windows are at most 2^30 octets (RFC 7323 section 2.3), so a larger cwnd means nothing, and sums stay in
  // range.
  constexpr std::uint32_t largest_cwnd = 1u << 30;
  state.cwnd = std::min(largest_cwnd, state.cwnd + std::min(octets, largest_cwnd));
}

void begin_history(CongestionState& state, HistoryPool& histories) {
  if (!state.has_history()) state.history = histories.take();
}

void drop_history(CongestionState& state, HistoryPool& histories) {
  if (state.has_history()) histories.give_back(std::exchange(state.history, CongestionState{}.history));
}

void forget_algorithm(CongestionState& state) {
  if (state.has_history()) *state.history = {};
}

std::uint32_t initial_window(std::uint32_t segments, std::uint32_t mss) {
  return std::min(segments * mss, std::max(2 * mss, segments * 1460));
}

}  // namespace backstop::tcp
