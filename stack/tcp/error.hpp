// What a user call can fail with, worded as RFC 9293 section 3.10 words it, plus would_block.
#pragma once

#include <cstdint>
#include <string_view>

namespace backstop {

enum class Error : std::uint8_t {
  would_block,                ///< nothing to read, or no room to write, right now
  connection_does_not_exist,  ///< the handle is empty or stale
  connection_already_exists,  ///< the endpoint is in use, by a connection or a listener
  connection_refused,
  connection_reset,
  connection_closing,  ///< the user has closed the sending side
  connection_aborted,  ///< by the user, or because the stack ended
  user_timeout,        ///< "connection aborted due to user timeout"
  insufficient_resources,
  remote_unspecified,  ///< the remote address or port cannot be connected to
  local_unspecified,   ///< the local address is not ours
  network_unreachable,
  host_unreachable,
  protocol_unreachable,
  port_unreachable,
  excessive_retransmissions,  ///< R1 was reached; the connection goes on (RFC 9293 section 3.8.3)
};

/// The words of RFC 9293 section 3.10.
std::string_view to_string(Error error);

}  // namespace backstop
