// Small helpers that the wire tests share: octets written as numbers, random octets, and a checksum that is slow and
// plainly right.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

#include "stack/wire/bytes.hpp"

namespace backstop::wire {

using Octets = std::vector<std::byte>;
using Random = std::mt19937_64;

inline Octets octets(std::initializer_list<unsigned> values) {
  Octets result;
  for (const unsigned value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

inline Octets random_octets(Random& random, std::size_t size) {
  Octets result(size);
  for (std::byte& octet : result) octet = static_cast<std::byte>(random());
  return result;
}

template <class Number>
Number random_number(Random& random) {
  return static_cast<Number>(random());
}

/// The folded one's-complement sum, an octet at a time, the carry brought around at once.
inline std::uint16_t reference_sum(Bytes bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(sum);
}

/// Puts the right checksum into an IPv4 header.
inline void seal_ipv4(MutableBytes packet) {
  const std::size_t size = (load8(packet, 0) & 0xfu) * 4u;
  store16(packet, 10, 0);
  store16(packet, 10, static_cast<std::uint16_t>(~reference_sum(packet.first(size))));
}

}  // namespace backstop::wire
