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

constexpr std::size_t few = 60;  // the largest headers

// For headers and short text, which it takes no vectors for: a sum of 64 bits in one's complement, whose carry goes
// round. `copies`: to `to`, each word on its way.
template <bool copies>
std::uint64_t sum_few(const std::byte* data, std::size_t size, [[maybe_unused]] std::byte* to = nullptr) {
  const auto take = [&]<class Word>(Word word, std::size_t octets = sizeof(Word)) {
    std::memcpy(&word, data, octets);
    data += octets;
    if constexpr (copies) {
      std::memcpy(to, &word, octets);
      to += octets;
    }
    return word;
  };
  std::uint64_t total = 0;
  for (; size >= 8; size -= 8) {
    const auto word = take(std::uint64_t{});
    total += word;
    if (total < word) ++total;
  }
  total = (total >> 32) + (total & 0xffff'ffff);
  if ((size & 4) != 0) total += take(std::uint32_t{});
  if ((size & 2) != 0) total += take(std::uint16_t{});
  if ((size & 1) != 0) total += take(std::uint16_t{}, 1);
  return total;
}

// The sum of all 32-bit words, whose carries may be folded at the end (RFC 1071 section 2, "Deferred Carries").
// Why: two running sums of 64 bits, because compilers make four vector operations of them for each 16 octets: `all` is
// the low halves and 2^32 times the high halves, modulo 2^64, and `high` is the high halves. Why unrolled: how
// fast a loop of so few operations runs depends on where in a cache line it comes to lie.
BACKSTOP_WIDE_VECTORS
std::uint64_t sum_words(const std::byte* data, std::size_t size) {
  std::uint64_t all = 0;
  std::uint64_t high = 0;
  const std::size_t whole = size / 8 * 8;
#pragma GCC unroll 4
  for (std::size_t at = 0; at < whole; at += 8) {
    const auto word = load_native<std::uint64_t>(data + at);
    all += word;
    high += word >> 32;
  }
  return all - (high << 32) + high + sum_few<false>(data + whole, size - whole);
}

// The same, and each word is stored on its way.
BACKSTOP_WIDE_VECTORS
std::uint64_t copy_and_sum_words(std::byte* __restrict to, const std::byte* __restrict from, std::size_t size) {
  std::uint64_t all = 0;
  std::uint64_t high = 0;
  const std::size_t whole = size / 8 * 8;
#pragma GCC unroll 4
  for (std::size_t at = 0; at < whole; at += 8) {
    const auto word = load_native<std::uint64_t>(from + at);
    std::memcpy(to + at, &word, sizeof word);
    all += word;
    high += word >> 32;
  }
  return all - (high << 32) + high + sum_few<true>(from + whole, size - whole, to + whole);
}

}  // namespace

void Checksum::add(Bytes piece) {
  const std::size_t size = piece.size();
  add_sum(size <= few ? sum_few<false>(piece.data(), size) : sum_words(piece.data(), size), size);
}

void Checksum::add_copying(Bytes piece, std::byte* to) {
  if (piece.size() > few) return add_many_copying(piece, to);
  add_sum(sum_few<true>(piece.data(), piece.size(), to), piece.size());
}

// Why not inline: few octets shall not wait until registers are saved for this.
[[gnu::noinline]] void Checksum::add_many_copying(Bytes piece, std::byte* to) {
  add_sum(copy_and_sum_words(to, piece.data(), piece.size()), piece.size());
}

void Checksum::add_sum(std::uint64_t sum, std::size_t size) {
  // A piece that begins at an odd offset contributes its bytes to the other halves of the words.
  total_ += odd_ ? std::byteswap(fold(sum)) : sum;
  odd_ ^= (size & 1) != 0;
}

Checksum pseudo_header(Ipv4Address source, Ipv4Address destination, std::uint8_t protocol, std::uint16_t length) {
  Checksum checksum;
  checksum.add32(source.value);
  checksum.add32(destination.value);
  checksum.add16(protocol);
  checksum.add16(length);
  return checksum;
}

}  // namespace backstop::wire
