// What may be set about TCP, with the default of each and where it comes from. One set serves a whole stack; the part
// in connection_options.hpp is what connections begin with, and may be set for each of them.
// Read next: tcb.hpp.
#pragma once

#include <cstdint>

#include "stack/tcp/connection_options.hpp"
#include "stack/tcp/time.hpp"

namespace backstop {

/// Explicit congestion notification (RFC 3168): answer a peer who offers it, or offer it too.
enum class Ecn : std::uint8_t { off, answer, offer };

struct Parameters : ConnectionOptions {
  using milliseconds = std::chrono::milliseconds;

  /// Octets of the receive window that a connection begins with; it grows with what its user reads in a round trip, up
  /// to receive_buffer (right_sizing.hpp).
  std::uint32_t initial_receive_window = 65'535;

  bool window_scaling = true;  ///< offer RFC 7323 window scaling
  bool timestamps = true;      ///< offer RFC 7323 timestamps
  bool selective_acks = true;  ///< offer RFC 2018 SACK
  Ecn ecn = Ecn::answer;       ///< SHLD-8

  /// Segments in the initial window (RFC 6928).
  std::uint32_t initial_window = 10;

  /// After an RTO without sending, go back to the initial window (RFC 5681 section 4.1, a SHOULD).
  bool restart_after_idle = true;

  Duration initial_rto = seconds{1};  ///< RFC 6298 (2.1)
  /// What the RTO is above the smoothed round-trip time at least: a peer's delayed acknowledgment comes on top of that.
  /// Deviation: RFC 6298 (2.4) asks for an RTO of at least one second. Deployed stacks have used 200 ms for decades.
  Duration minimum_rto = milliseconds{200};
  Duration maximum_rto = seconds{120};  ///< RFC 6298 (2.5): at least 60 s

  Duration delayed_ack = milliseconds{40};  ///< MUST-40: less than 500 ms
  /// In-order segments answered at once when a connection is young, so that the peer's slow start is not held up.
  std::uint8_t quick_acks = 16;

  /// R2 for a SYN (MUST-23: 3 minutes or more).
  Duration syn_timeout = seconds{180};
  /// How long a connection that a peer opened may stay half-open.
  Duration half_open_timeout = seconds{60};
  /// Why: RFC 9293 puts MSL at two minutes; networks of today hold no segment that long, and 2 MSL of one minute is
  /// what Linux waits. A deployment that knows better says so here.
  Duration msl = seconds{30};
  /// RFC 1337: a RST does not end TIME-WAIT.
  bool time_wait_ignores_reset = false;
};

}  // namespace backstop
