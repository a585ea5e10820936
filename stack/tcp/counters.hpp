// What connections count together. stack/statistics.hpp adds what is counted outside of connections.
#pragma once

#include <cstdint>

namespace backstop::tcp {

struct Counters {
  std::uint64_t segments_received = 0;
  std::uint64_t segments_sent = 0;
  std::uint64_t segments_retransmitted = 0;
  std::uint64_t resets_received = 0;
  std::uint64_t connections_established = 0;
  std::uint64_t bytes_received = 0;  ///< text, in order
  std::uint64_t bytes_sent = 0;      ///< text, retransmissions counted
  std::uint64_t retransmission_timeouts = 0;
  std::uint64_t challenge_acks = 0;       ///< RFC 5961
  std::uint64_t paws_rejected = 0;        ///< RFC 7323 section 5
  std::uint64_t text_without_memory = 0;  ///< segments whose text was dropped because no block was free
};

}  // namespace backstop::tcp
