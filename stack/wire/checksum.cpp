#include "stack/wire/checksum.hpp"

#include <cstring>

// Functions that the compiler makes twice, for processors with AVX2 and for all others; the loader picks one.
// Why not under sanitizers: the picking runs before they are ready. Why not when optimising for size: there are no
// vectors then.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__) && \
    !defined(__OPTIMIZE_SIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BACKSTOP_WIDE_VECTORS [[gnu::target_clones("avx2", "default")]]
#else
#define BACKSTOP_WIDE_VECTORS
#endif

namespace backstop::wire {
namespace {

// A number and itself with its halves exchanged: the upper half of their sum is the sum of the halves, and the carry of
// the lower half went into it, as one's complement has it.
constexpr std::uint16_t fold(std::uint64_t total) {
  const auto words = static_cast<std::uint32_t>((total + std::rotl(total, 32)) >> 32);
  return static_cast<std::uint16_t>((words + std::rotl(words, 16)) >> 16);
}

// The sum of what is left behind the last whole 8 octets.
std::uint64_t sum_rest(const std::byte* data, std::size_t size) {
  std::uint64_t total = 0;
  if ((size & 4) != 0) {
    total += load_native<std::uint32_t>(data);
    data += 4;
  }
  if ((size & 2) != 0) {
    total += load_native<std::uint16_t>(data);
    data += 2;
  }
  if ((size & 1) != 0) {
    std::uint16_t word = 0;
    std::memcpy(&word, data, 1);
    total += word;
  }
  return total;
}

// The sum of all 32-bit words, whose carries may be folded at the end (RFC 1071 section 2, "Deferred Carries").
// Why: two running sums of 64 bits, because compilers make four vector operations of them for each 16 octets: `all` is
// the low halves and 2^32 times the high halves, modulo 2^64, and `high` is the high halves.
BACKSTOP_WIDE_VECTORS
std::uint64_t sum_words(const std::byte* data, std::size_t size) {
  std::uint64_t all = 0;
  std::uint64_t high = 0;
  const std::size_t whole = size / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) {
    const auto word = load_native<std::uint64_t>(data + at);
    all += word;
    high += word >> 32;
  }
  return all - (high << 32) + high + sum_rest(data + whole, size - whole);
}

// The same, and each word is stored on its way.
BACKSTOP_WIDE_VECTORS
std::uint64_t copy_and_sum_words(std::byte* __restrict to, const std::byte* __restrict from, std::size_t size) {
  std::uint64_t all = 0;
  std::uint64_t high = 0;
  const std::size_t whole = size / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) {
    const auto word = load_native<std::uint64_t>(from + at);
    std::memcpy(to + at, &word, sizeof word);
    all += word;
    high += word >> 32;
  }
  for (std::size_t at = whole; at < size; ++at) to[at] = from[at];
  return all - (high << 32) + high + sum_rest(from + whole, size - whole);
}

// For headers, which were written a moment ago in pieces no larger than these: a wider load would wait for them. And
// for short text, which it takes no vectors for.
constexpr std::size_t few = 60;  // the largest headers
std::uint64_t sum_few_words(const std::byte* data, std::size_t size) {
  std::uint64_t total = 0;
  for (; size >= 8; size -= 8, data += 8)
    total += std::uint64_t{load_native<std::uint32_t>(data)} + load_native<std::uint32_t>(data + 4);
  return total + sum_rest(data, size);
}

}  // namespace

void Checksum::add(Bytes piece) {
  add_sum(piece.size() <= few ? sum_few_words(piece.data(), piece.size()) : sum_words(piece.data(), piece.size()),
          piece.size());
}

void Checksum::add_copying(Bytes piece, std::byte* to) {
  if (piece.size() > few) return add_sum(copy_and_sum_words(to, piece.data(), piece.size()), piece.size());
  add_sum(sum_few_words(piece.data(), piece.size()), piece.size());
  std::memcpy(to, piece.data(), piece.size());
}

void Checksum::add_sum(std::uint64_t sum, std::size_t size) {
  // A piece that begins at an odd offset contributes its bytes to the other halves of the words.
  total_ += odd_ ? std::byteswap(fold(sum)) : sum;
  odd_ ^= (size & 1) != 0;
}

std::uint16_t Checksum::sum() const { return in_memory_order(fold(total_)); }

Checksum pseudo_header(Ipv4Address source, Ipv4Address destination, std::uint8_t protocol, std::uint16_t length) {
  Checksum checksum;
  checksum.add32(source.value);
  checksum.add32(destination.value);
  checksum.add16(protocol);
  checksum.add16(length);
  return checksum;
}

}  // namespace backstop::wire
