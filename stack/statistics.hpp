// Counters of a whole stack, in the spirit of RFC 4022 (the TCP MIB). All only grow, and are 64 bits wide.
#pragma once

#include <array>
#include <cstdint>

#include "stack/tcp/counters.hpp"
#include "stack/wire/drop.hpp"

namespace backstop {

struct Statistics : tcp::Counters {
  std::uint64_t packets_received = 0;
  std::uint64_t packets_sent = 0;
  std::uint64_t resets_sent = 0;
  std::uint64_t active_opens = 0;
  std::uint64_t passive_opens = 0;
  std::uint64_t unmatched_syns = 0;      ///< neither connection nor listener: asked of a tap, or refused
  std::uint64_t syn_cookies_sent = 0;    ///< SYN,ACKs that nothing was kept for
  std::uint64_t syn_cookies_taken = 0;   ///< acknowledgments that brought one back
  std::uint64_t syn_cookies_failed = 0;  ///< acknowledgments of no connection that brought none, while some were out
  std::uint64_t echo_replies = 0;
  std::uint64_t unreachables_sent = 0;
  std::array<std::uint64_t, drop_count> drops{};

  [[nodiscard]] std::uint64_t dropped(Drop reason) const { return drops[static_cast<std::size_t>(reason)]; }
};

}  // namespace backstop
