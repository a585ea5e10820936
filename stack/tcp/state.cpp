#include "stack/tcp/state.hpp"

#include <array>

namespace backstop {

std::string_view to_string(State state) {
  static constexpr std::array<std::string_view, 11> names{
      "CLOSED",     "LISTEN",     "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
      "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",  "LAST-ACK",     "TIME-WAIT",
  };
  return names[static_cast<std::size_t>(state)];
}

bool is_edge(State from, State to) {
  using enum State;
  if (to == closed) return true;
  switch (from) {
    case closed:
      return to == listen || to == syn_sent || to == syn_received;
    case listen:
      return to == syn_received || to == syn_sent;
    case syn_sent:
      return to == syn_received || to == established;
    case syn_received:
      return to == established || to == fin_wait_1 || to == listen || to == close_wait;
    case established:
      return to == fin_wait_1 || to == close_wait;
    case fin_wait_1:
      return to == fin_wait_2 || to == closing || to == time_wait;
    case fin_wait_2:
      return to == time_wait;
    case close_wait:
      return to == last_ack;
    case closing:
      return to == time_wait;
    case last_ack:
    case time_wait:
      return false;
  }
  return false;
}

}  // namespace backstop
