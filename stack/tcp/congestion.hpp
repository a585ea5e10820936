// Congestion control behind a small interface (RFC 5681). An algorithm is a stateless object; what it knows of a
// connection is in CongestionState. How much is in flight, and what is lost, is none of its business: recovery.hpp.
// Read next: new_reno.cpp, cubic.cpp.
#pragma once

#include <cstdint>

#include "stack/tcp/loan_pool.hpp"
#include "stack/tcp/parameters.hpp"
#include "stack/tcp/time.hpp"
#include "stack/wire/seq.hpp"

namespace backstop::tcp {

/// HyStart++ (RFC 9406): is the round-trip time growing while slow start fills the path?
struct SlowStartRounds {
  SeqNum round_end;                          ///< a round is over when this is acknowledged
  std::uint32_t last_minimum = 0xffff'ffff;  ///< microseconds: the smallest RTT of the round before
  std::uint32_t minimum = 0xffff'ffff;       ///< of this round
  std::uint32_t baseline = 0xffff'ffff;      ///< of the round that began conservative slow start
  std::uint8_t samples = 0;                  ///< in this round
  std::uint8_t conservative_rounds = 0;      ///< 0: ordinary slow start
};

/// CUBIC (RFC 9438) in congestion avoidance.
struct CubicEpoch {
  Instant start = immediately;   ///< when the epoch began; `immediately`: not yet
  std::uint32_t w_max = 0;       ///< octets: where the last loss was
  std::uint32_t k = 0;           ///< milliseconds from start to w_max
  std::uint32_t w_est = 0;       ///< octets: what Reno would have
  std::uint32_t cwnd_prior = 0;  ///< octets: cwnd at the last loss
};

/// What an algorithm remembers. A connection borrows one when its congestion window first matters, and keeps it.
struct CongestionHistory {
  std::uint32_t acked = 0;  ///< octets acknowledged since Reno's window last grew, in avoidance
  SlowStartRounds rounds;
  CubicEpoch cubic;
};

using HistoryPool = LoanPool<CongestionHistory, 22>;

/// What a connection sees that has borrowed none. Nobody may write to it.
inline constexpr CongestionHistory no_history;

struct CongestionState {
  std::uint32_t cwnd = 0;                ///< octets
  std::uint32_t ssthresh = 0xffff'ffff;  ///< octets
  CongestionHistory* history = const_cast<CongestionHistory*>(&no_history);

  [[nodiscard]] bool has_history() const { return history != &no_history; }
  [[nodiscard]] bool in_slow_start() const { return cwnd < ssthresh; }
};

/// What an ACK told, for window growth.
struct AckSample {
  std::uint32_t acked = 0;  ///< octets newly acknowledged
  std::uint32_t mss = 0;
  Duration rtt{};  ///< of this ACK; zero without a measurement
  Duration srtt{};
  SeqNum una{};  ///< SND.UNA after it
  SeqNum nxt{};  ///< SND.NXT
  Instant now{};
};

class CongestionControl {
 public:
  /// New text was acknowledged while the window was what limited the sender. The state has a history.
  virtual void on_ack(CongestionState& state, const AckSample& sample) const = 0;
  /// The slow start threshold after a loss with `flight_size` octets unacknowledged (RFC 5681). The state has a
  /// history.
  virtual std::uint32_t threshold_after_loss(CongestionState& state, std::uint32_t flight_size,
                                             std::uint32_t mss) const = 0;
  /// Nothing was sent for `idle`: time in which the window could not have been tested.
  virtual void after_idle(CongestionState& state, Duration idle) const = 0;

 protected:
  ~CongestionControl() = default;
};

/// RFC 5681 slow start and congestion avoidance, with RFC 3465 byte counting.
const CongestionControl& new_reno();
/// RFC 9438, with RFC 9406 for slow start.
const CongestionControl& cubic();
const CongestionControl& congestion_control(CongestionAlgorithm algorithm);

/// Adds to cwnd without overflow, up to the largest window there can be.
void grow(CongestionState& state, std::uint32_t octets);
/// Borrows a history for what is to be remembered, when there is none yet.
void begin_history(CongestionState& state, HistoryPool& histories);
void drop_history(CongestionState& state, HistoryPool& histories);
/// Another algorithm takes over, with the window as it stands.
void forget_algorithm(CongestionState& state);
/// RFC 6928: the initial window in octets.
std::uint32_t initial_window(std::uint32_t segments, std::uint32_t mss);

}  // namespace backstop::tcp
