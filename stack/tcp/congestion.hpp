// Congestion control behind a small interface (RFC 5681). An algorithm is a stateless object; what it knows of a
// connection is in CongestionState, so a connection can be given another algorithm at any time.
// How many octets are in flight, and which are lost, is none of its business: see loss_detection.hpp.
#pragma once

#include <cstdint>

#include "stack/tcp/time.hpp"

namespace backstop::tcp {

struct CongestionState {
  std::uint32_t cwnd = 0;                 ///< octets
  std::uint32_t ssthresh = 0xffff'ffff;   ///< octets
  std::uint32_t acked_in_avoidance = 0;   ///< octets acknowledged since cwnd last grew, in congestion avoidance

  [[nodiscard]] bool in_slow_start() const { return cwnd < ssthresh; }
};

/// What an ACK told, for window growth.
struct AckSample {
  std::uint32_t acked = 0;  ///< octets newly acknowledged
  std::uint32_t mss = 0;
  Duration rtt{};           ///< of this ACK; zero without a measurement
  Instant now{};
};

class CongestionControl {
 public:
  /// New text was acknowledged while the window was what limited the sender.
  virtual void on_ack(CongestionState& state, const AckSample& sample) const = 0;
  /// The slow start threshold after a loss with `in_flight` octets out.
  virtual std::uint32_t threshold_after_loss(CongestionState& state, std::uint32_t in_flight, std::uint32_t mss) const = 0;

 protected:
  ~CongestionControl() = default;
};

/// RFC 5681 slow start and congestion avoidance, with RFC 3465 byte counting.
const CongestionControl& new_reno();

/// RFC 6928: the initial window in octets.
std::uint32_t initial_window(std::uint32_t segments, std::uint32_t mss);

}  // namespace backstop::tcp
