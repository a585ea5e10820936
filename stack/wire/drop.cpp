#include "stack/wire/drop.hpp"

#include <array>

namespace backstop {

std::string_view to_string(Drop reason) {
  static constexpr std::array<std::string_view, drop_count> names{
      "ip_truncated",        "ip_version_6",     "ip_bad_version",   "ip_bad_header_length", "ip_bad_total_length",
      "ip_bad_checksum",     "ip_bad_source",    "ip_not_for_us",    "ip_unknown_protocol",  "fragment_malformed",
      "fragment_overlap",    "fragment_timeout", "fragment_no_room", "fragments_of_nobody",  "icmp_truncated",
      "icmp_bad_checksum",   "icmp_ignored",     "udp_truncated",    "udp_bad_checksum",     "tcp_truncated",
      "tcp_bad_data_offset", "tcp_bad_checksum", "tcp_port_zero",    "tcp_bad_flags",        "tcp_listen_neither",
      "tcp_no_resources",    "tcp_backlog_full", "reply_queue_full", "reply_rate_limited",
  };
  return reason < Drop::count_ ? names[static_cast<std::size_t>(reason)] : "unknown";
}

}  // namespace backstop
