// Counters of a whole stack, in the spirit of RFC 4022 (the TCP MIB). All only grow, and are 64 bits wide.
#pragma once

#include <array>
#include <cstdint>

#include "stack/wire/drop.hpp"

namespace backstop {

struct Statistics {
  std::uint64_t packets_received = 0;
  std::uint64_t packets_sent = 0;
  std::uint64_t segments_received = 0;
  std::uint64_t segments_sent = 0;
  std::uint64_t segments_retransmitted = 0;
  std::uint64_t resets_sent = 0;
  std::uint64_t resets_received = 0;
  std::uint64_t active_opens = 0;
  std::uint64_t passive_opens = 0;
  std::uint64_t connections_established = 0;
  std::uint64_t unmatched_syns = 0;  ///< neither connection nor listener, asked of a tap or refused
  std::uint64_t echo_replies = 0;
  std::uint64_t unreachables_sent = 0;
  std::uint64_t bytes_received = 0;  ///< text, in order
  std::uint64_t bytes_sent = 0;      ///< text, retransmissions counted
  std::array<std::uint64_t, drop_count> drops{};

  [[nodiscard]] std::uint64_t dropped(Drop reason) const { return drops[static_cast<std::size_t>(reason)]; }
};

}  // namespace backstop
