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

template <class Word>
Word load(const std::byte* data) {
  Word word;
  std::memcpy(&word, data, sizeof word);
  return word;
}

// The sum of all 32-bit words, whose carries may be folded at the end (RFC 1071 section 2, "Deferred Carries").
// Why: two running sums of 64 bits, because compilers make four vector operations of them for each 16 octets: `all` is
// the low halves and 2^32 times the high halves, modulo 2^64, and `high` is the high halves.
std::uint64_t sum_words(const std::byte* data, std::size_t size) {
  std::uint64_t all = 0;
  std::uint64_t high = 0;
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    const auto word = load<std::uint64_t>(data + at);
    all += word;
    high += word >> 32;
  }
  std::uint64_t total = all - (high << 32) + high;
  if ((size & 4) != 0) {
    total += load<std::uint32_t>(data + at);
    at += 4;
  }
  if ((size & 2) != 0) {
    total += load<std::uint16_t>(data + at);
    at += 2;
  }
  if ((size & 1) != 0) {
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
