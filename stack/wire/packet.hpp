// What crosses the border between the stack and a device: whole IPv4 packets, and what a device may do for them.
// Read next: stack/stack.hpp, whose receive() takes the one and whose transmit() returns the other.
#pragma once

#include <cstdint>
#include <span>

#include "stack/wire/bytes.hpp"

namespace backstop {

/// The two facts that offloading needs. With neither set, a packet is an ordinary one.
struct Offload {
  bool checksum_partial = false;  ///< the TCP (inbound also UDP) checksum field holds the pseudo-header's sum only
  std::uint16_t gso_size = 0;     ///< octets of text in each segment to cut this packet into; 0: do not cut

  friend bool operator==(const Offload&, const Offload&) = default;
};

/// One IPv4 packet as a device read it. The bytes stay the caller's.
struct InboundPacket {
  Bytes bytes;
  Offload offload;
};

/// Where the octets of the packet that a device reads next belong, if it is the one that is likely: its text goes on
/// where the last one's ended.
struct Landing {
  std::size_t headers = 0;             ///< octets before its text
  std::span<const MutableBytes> text;  ///< places for its text, in order; none: nothing is likely
};

/// One IPv4 packet to send: its headers, and views of its text in order. Valid until the next call on the stack.
struct OutboundPacket {
  Bytes headers;
  std::span<const Bytes> text;
  Offload offload;

  [[nodiscard]] std::size_t size() const {
    std::size_t total = headers.size();
    for (Bytes piece : text) total += piece.size();
    return total;
  }
};

}  // namespace backstop
