// Views of bytes and big-endian loads and stores: the only place that knows network byte order.
// Read next: checksum.hpp, then ipv4.hpp and segment.hpp.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace backstop {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

namespace wire {

/// A number as it stands in network byte order; the same turns it back.
template <std::unsigned_integral Number>
constexpr Number in_network_order(Number number) {
  return std::endian::native == std::endian::little ? std::byteswap(number) : number;
}

// Numbers are read and written whole, at any address. The caller has checked that their bytes are there.

template <std::unsigned_integral Number>
Number load(Bytes bytes, std::size_t offset) {
  Number number;
  std::memcpy(&number, bytes.subspan(offset, sizeof number).data(), sizeof number);
  return in_network_order(number);
}
inline std::uint8_t load8(Bytes bytes, std::size_t offset) { return load<std::uint8_t>(bytes, offset); }
inline std::uint16_t load16(Bytes bytes, std::size_t offset) { return load<std::uint16_t>(bytes, offset); }
inline std::uint32_t load32(Bytes bytes, std::size_t offset) { return load<std::uint32_t>(bytes, offset); }

template <std::unsigned_integral Number>
void store(MutableBytes bytes, std::size_t offset, Number number) {
  number = in_network_order(number);
  std::memcpy(bytes.subspan(offset, sizeof number).data(), &number, sizeof number);
}
inline void store8(MutableBytes bytes, std::size_t offset, std::uint8_t number) { store(bytes, offset, number); }
inline void store16(MutableBytes bytes, std::size_t offset, std::uint16_t number) { store(bytes, offset, number); }
inline void store32(MutableBytes bytes, std::size_t offset, std::uint32_t number) { store(bytes, offset, number); }

/// As std::memcpy(), to call which takes longer than to copy a few octets.
inline void copy(std::byte* to, const std::byte* from, std::size_t size) {
  if (size >= 8) {
    std::memcpy(to, from, size);
    return;
  }
  for (const std::size_t part : {4u, 2u, 1u}) {
    if ((size & part) == 0) continue;
    std::memcpy(to, from, part);
    to += part;
    from += part;
  }
}

}  // namespace wire
}  // namespace backstop
