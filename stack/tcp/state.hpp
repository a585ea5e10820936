// The eleven states of a connection and the edges between them (RFC 9293 section 3.3.2, Figure 5).
// Read next: tcb.hpp.
#pragma once

#include <cstdint>
#include <string_view>

namespace backstop {

enum class State : std::uint8_t {
  closed,
  listen,
  syn_sent,
  syn_received,
  established,
  fin_wait_1,
  fin_wait_2,
  close_wait,
  closing,
  last_ack,
  time_wait,
};

/// The RFC's spelling: "SYN-SENT", "FIN-WAIT-1" ...
std::string_view to_string(State state);

/// ESTABLISHED and everything after it: both sides know each other's sequence numbers.
constexpr bool is_synchronized(State state) { return state >= State::established; }

/// Whether Figure 5, the RST and abort rules allow the step. Any state may go to CLOSED.
bool is_edge(State from, State to);

}  // namespace backstop
