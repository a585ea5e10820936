#include "stack/wire/checksum.hpp"

#include <bit>
#include <cstring>

namespace backstop::wire {
namespace {

constexpr std::uint16_t swap_to_host(std::uint16_t value) {
  if constexpr (std::endian::native == std::endian::little) {
    return static_cast<std::uint16_t>((value << 8) | (value >> 8));
  }
  return value;
}

constexpr std::uint16_t fold(std::uint64_t total) {
  while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(total);
}

// Sums as 32-bit words into 64 bits: compilers turn this loop into vector code, and RFC 1071 (section 2, "Deferred
// Carries") says that the carries may be folded at the end.
std::uint64_t sum_words(const std::byte* data, std::size_t size) {
  std::uint64_t total = 0;
  std::size_t at = 0;
  for (; at + 4 <= size; at += 4) {
    std::uint32_t word;
    std::memcpy(&word, data + at, 4);
    total += word;
  }
  if (at + 2 <= size) {
    std::uint16_t word;
    std::memcpy(&word, data + at, 2);
    total += word;
    at += 2;
  }
  if (at < size) {
    std::uint16_t word = 0;
    std::memcpy(&word, data + at, 1);
    total += word;
  }
  return total;
}

}  // namespace

void Checksum::add(Bytes piece) {
  std::uint16_t words = fold(sum_words(piece.data(), piece.size()));
  // A piece that begins at an odd offset contributes its bytes to the other halves of the words.
  if (odd_) words = static_cast<std::uint16_t>((words << 8) | (words >> 8));
  total_ += words;
  odd_ ^= (piece.size() & 1) != 0;
}

void Checksum::add16(std::uint16_t value) { total_ += swap_to_host(value); }

void Checksum::add32(std::uint32_t value) {
  add16(static_cast<std::uint16_t>(value >> 16));
  add16(static_cast<std::uint16_t>(value & 0xffff));
}

std::uint16_t Checksum::sum() const { return swap_to_host(fold(total_)); }

Checksum pseudo_header(Ipv4Address source, Ipv4Address destination, std::uint8_t protocol, std::uint16_t length) {
  Checksum checksum;
  checksum.add32(source.value);
  checksum.add32(destination.value);
  checksum.add16(protocol);
  checksum.add16(length);
  return checksum;
}

}  // namespace backstop::wire
