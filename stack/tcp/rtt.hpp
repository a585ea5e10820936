// Round-trip time and the retransmission timeout (RFC 6298), with Karn's rule left to the caller.
// Read next: timeouts.cpp.
#pragma once

#include <cstdint>

#include "stack/tcp/parameters.hpp"
#include "stack/tcp/time.hpp"

namespace backstop::tcp {

/// No RTO is shorter. Why two whole milliseconds: G, the granularity of the clocks that drivers have (RFC 6298 section
/// 4); and of two of them, what is left of a variance of zero is more than the round trip.
inline constexpr Duration shortest_rto = std::chrono::milliseconds{2};

/// Microseconds in 32 bits: 71 minutes, far beyond any RTT, at half the size of a Duration.
class RttEstimator {
 public:
  /// A measurement R (RFC 6298 (2.2), (2.3)).
  void sample(Duration rtt);

  [[nodiscard]] bool has_sample() const { return srtt_ != 0; }
  [[nodiscard]] Duration srtt() const { return std::chrono::microseconds{srtt_}; }
  [[nodiscard]] Duration rttvar() const { return std::chrono::microseconds{rttvar_}; }
  [[nodiscard]] Duration minimum() const { return std::chrono::microseconds{minimum_}; }

  /// RTO without back-off, within the bounds that `parameters` set.
  [[nodiscard]] Duration rto(const Parameters& parameters) const;

 private:
  std::uint32_t srtt_ = 0;
  std::uint32_t rttvar_ = 0;
  std::uint32_t minimum_ = 0;
};

}  // namespace backstop::tcp
