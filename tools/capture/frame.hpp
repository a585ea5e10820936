// One record of a capture as it stands in the file, with its link-layer header.
// Read next: frame_source.hpp, where frames come from; link_layer.hpp, how the IPv4 packet in one is found.
#pragma once

#include <cstdint>

#include "stack/tcp/time.hpp"
#include "stack/wire/bytes.hpp"

namespace backstop::capture {

struct Frame {
  std::uint64_t number = 0;         ///< from 1, as Wireshark and tcpdump count them
  Instant time{};                   ///< since the Unix epoch, as captured: it may run backwards
  int link_type = 0;                ///< a DLT_ value of libpcap
  Bytes bytes;                      ///< what was captured of it
  std::uint32_t original_size = 0;  ///< octets that it had on the wire

  [[nodiscard]] bool truncated() const { return bytes.size() < original_size; }
};

}  // namespace backstop::capture
