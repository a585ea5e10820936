#include "stack/tcp/rtt.hpp"

#include <algorithm>

namespace backstop::tcp {
namespace {

using std::chrono::microseconds;

std::uint32_t clamp_to_microseconds(Duration rtt) {
  const auto count = std::chrono::duration_cast<microseconds>(rtt).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 1, 0x7fff'ffff));
}

}  // namespace

void RttEstimator::sample(Duration rtt) {
  const std::uint32_t r = clamp_to_microseconds(rtt);
  if (!has_sample()) {
    srtt_ = minimum_ = r;
    rttvar_ = r / 2;
    return;
  }
  const std::uint32_t delta = srtt_ > r ? srtt_ - r : r - srtt_;
  rttvar_ = static_cast<std::uint32_t>((std::uint64_t{rttvar_} * 3 + delta) / 4);
  srtt_ = std::max<std::uint32_t>(1, static_cast<std::uint32_t>((std::uint64_t{srtt_} * 7 + r) / 8));
  minimum_ = std::min(minimum_, r);
}

Duration RttEstimator::rto(const Parameters& parameters) const {
  if (!has_sample()) return parameters.initial_rto;
  const Duration rto = srtt() + std::max(std::max<Duration>(parameters.minimum_rto, 4 * rttvar()), shortest_rto);
  return std::min<Duration>(std::chrono::duration_cast<std::chrono::milliseconds>(rto), parameters.maximum_rto);
}

}  // namespace backstop::tcp
