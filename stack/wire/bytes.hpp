// Views of bytes and big-endian loads and stores: the only place that knows network byte order.
// Read next: checksum.hpp, then ipv4.hpp and segment.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace backstop {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

namespace wire {

/// Reads a big-endian 16-bit number at `offset`. The caller has checked that the bytes are there.
constexpr std::uint16_t load16(Bytes bytes, std::size_t offset) {
  return static_cast<std::uint16_t>((std::to_integer<unsigned>(bytes[offset]) << 8) |
                                    std::to_integer<unsigned>(bytes[offset + 1]));
}

/// Reads a big-endian 32-bit number at `offset`. The caller has checked that the bytes are there.
constexpr std::uint32_t load32(Bytes bytes, std::size_t offset) {
  return (std::uint32_t{load16(bytes, offset)} << 16) | load16(bytes, offset + 2);
}

constexpr std::uint8_t load8(Bytes bytes, std::size_t offset) { return std::to_integer<std::uint8_t>(bytes[offset]); }

constexpr void store8(MutableBytes bytes, std::size_t offset, std::uint8_t value) { bytes[offset] = std::byte{value}; }

constexpr void store16(MutableBytes bytes, std::size_t offset, std::uint16_t value) {
  bytes[offset] = static_cast<std::byte>(value >> 8);
  bytes[offset + 1] = static_cast<std::byte>(value & 0xff);
}

constexpr void store32(MutableBytes bytes, std::size_t offset, std::uint32_t value) {
  store16(bytes, offset, static_cast<std::uint16_t>(value >> 16));
  store16(bytes, offset + 2, static_cast<std::uint16_t>(value & 0xffff));
}

}  // namespace wire
}  // namespace backstop
