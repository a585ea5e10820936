// The Internet checksum (RFC 1071): a one's-complement sum of 16-bit words, over pieces that may have odd lengths.
// Read next: ipv4.hpp, segment.hpp.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "stack/wire/address.hpp"
#include "stack/wire/bytes.hpp"

namespace backstop::wire {

/// A word as the machine has it in memory.
template <class Word>
Word load_native(const std::byte* data) {
  Word word;
  std::memcpy(&word, data, sizeof word);
  return word;
}

/// Sums pieces one after the other as if they were one run of bytes.
class Checksum {
 public:
  void add(Bytes piece);
  /// Adds whole words at an even offset, as many as the compiler knows: without a loop.
  template <std::size_t Size>
    requires(Size % 4 == 0)
  void add_words(std::span<const std::byte, Size> words) {
    [&]<std::size_t... Word>(std::index_sequence<Word...>) {
      total_ += (std::uint64_t{load_native<std::uint32_t>(words.data() + 4 * Word)} + ...);
    }(std::make_index_sequence<Size / 4>());
  }
  /// Adds `piece` and copies it to `to`, in one pass. They must not overlap.
  void add_copying(Bytes piece, std::byte* to);
  /// Adds a number that stands at an even offset, in host order.
  void add16(std::uint16_t value) { total_ += in_memory_order(value); }
  void add32(std::uint32_t value) { total_ += in_memory_order(value); }

  /// The folded sum, not complemented, in host order: what a partial checksum field holds.
  [[nodiscard]] std::uint16_t sum() const { return in_memory_order(fold(total_)); }
  /// The checksum to put on the wire, in host order. Over bytes that hold a right checksum it is 0.
  [[nodiscard]] std::uint16_t finish() const { return static_cast<std::uint16_t>(~sum()); }

 private:
  /// A word as the machine would load it from the wire; the same turns it back.
  template <class Word>
  static constexpr Word in_memory_order(Word value) {
    return std::endian::native == std::endian::little ? std::byteswap(value) : value;
  }
  // A number and itself with its halves exchanged: the upper half of their sum is the sum of the halves, and the carry
  // of the lower half went into it, as one's complement has it.
  static constexpr std::uint16_t fold(std::uint64_t total) {
    const auto words = static_cast<std::uint32_t>((total + std::rotl(total, 32)) >> 32);
    return static_cast<std::uint16_t>((words + std::rotl(words, 16)) >> 16);
  }
  void add_many_copying(Bytes piece, std::byte* to);
  void add_sum(std::uint64_t sum, std::size_t size);

  // Words are summed as the machine loads them, and swapped once in sum().
  std::uint64_t total_ = 0;
  bool odd_ = false;
};

/// The pseudo-header of RFC 9293 section 3.1: addresses, protocol and the length of the transport header and text.
Checksum pseudo_header(Ipv4Address source, Ipv4Address destination, std::uint8_t protocol, std::uint16_t length);

}  // namespace backstop::wire
