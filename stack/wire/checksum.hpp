// The Internet checksum (RFC 1071): a one's-complement sum of 16-bit words, over pieces that may have odd lengths.
// Read next: ipv4.hpp, segment.hpp.
#pragma once

#include <cstdint>

#include "stack/wire/address.hpp"
#include "stack/wire/bytes.hpp"

namespace backstop::wire {

/// Sums pieces one after the other as if they were one run of bytes.
class Checksum {
 public:
  void add(Bytes piece);
  /// Adds a number that stands at an even offset, in host order.
  void add16(std::uint16_t value);
  void add32(std::uint32_t value);

  /// The folded sum, not complemented, in host order: what a partial checksum field holds.
  [[nodiscard]] std::uint16_t sum() const;
  /// The checksum to put on the wire, in host order. Over bytes that hold a right checksum it is 0.
  [[nodiscard]] std::uint16_t finish() const { return static_cast<std::uint16_t>(~sum()); }

 private:
  std::uint64_t total_ =
      0;  // Little-endian-agnostic: words are summed as the machine loads them, swapped once in sum().
  bool odd_ = false;
};

/// The pseudo-header of RFC 9293 section 3.1: addresses, protocol and the length of the transport header and text.
Checksum pseudo_header(Ipv4Address source, Ipv4Address destination, std::uint8_t protocol, std::uint16_t length);

}  // namespace backstop::wire
