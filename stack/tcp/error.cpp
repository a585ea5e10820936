#include "stack/tcp/error.hpp"

namespace backstop {

std::string_view to_string(Error error) {
  switch (error) {
    case Error::would_block:
      return "operation would block";
    case Error::connection_does_not_exist:
      return "connection does not exist";
    case Error::connection_already_exists:
      return "connection already exists";
    case Error::connection_refused:
      return "connection refused";
    case Error::connection_reset:
      return "connection reset";
    case Error::connection_closing:
      return "connection closing";
    case Error::connection_aborted:
      return "connection aborted";
    case Error::user_timeout:
      return "connection aborted due to user timeout";
    case Error::insufficient_resources:
      return "insufficient resources";
    case Error::remote_unspecified:
      return "remote socket unspecified";
    case Error::local_unspecified:
      return "local socket unspecified";
    case Error::network_unreachable:
      return "network unreachable";
    case Error::host_unreachable:
      return "host unreachable";
    case Error::protocol_unreachable:
      return "protocol unreachable";
    case Error::port_unreachable:
      return "port unreachable";
    case Error::excessive_retransmissions:
      return "excessive retransmissions";
  }
  return "unknown error";
}

}  // namespace backstop
