// SipHash (Aumasson and Bernstein 2012): a keyed hash that stays unpredictable to whoever lacks the key, and is fast on
// short input. SipHash-2-4 where the value shows on the wire (RFC 9293 section 3.4.1), SipHash-1-3 for hash tables.
// Read next: isn.hpp.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "stack/wire/bytes.hpp"

namespace backstop::tcp {

/// The key as two numbers, read little-endian from its 16 octets.
struct SipKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  constexpr SipKey() = default;
  constexpr explicit SipKey(const std::array<std::uint8_t, 16>& octets) {
    for (std::size_t i = 8; i-- > 0;) {
      low = (low << 8) | octets[i];
      high = (high << 8) | octets[i + 8];
    }
  }
};

/// The running state: `compression` rounds for each word of input, `finalization` rounds at the end.
template <int compression, int finalization>
class SipHash {
 public:
  constexpr explicit SipHash(SipKey key)
      // Why: "somepseudorandomlygeneratedbytes", so that equal halves of the key do not give equal halves of the state.
      : v0_(key.low ^ 0x736f'6d65'7073'6575),
        v1_(key.high ^ 0x646f'7261'6e64'6f6d),
        v2_(key.low ^ 0x6c79'6765'6e65'7261),
        v3_(key.high ^ 0x7465'6462'7974'6573) {}

  /// Eight octets of input, little-endian.
  constexpr void add(std::uint64_t word) {
    v3_ ^= word;
    rounds(compression);
    v0_ ^= word;
  }

  /// The hash, after the last up to seven octets (little-endian, zeros above) of `size` octets in all.
  constexpr std::uint64_t finish(std::uint64_t rest, std::size_t size) {
    add(rest | (std::uint64_t{size} << 56));
    v2_ ^= 0xff;
    rounds(finalization);
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  constexpr void rounds(int count) {
    for (; count > 0; --count) {
      v0_ += v1_;
      v2_ += v3_;
      v1_ = std::rotl(v1_, 13) ^ v0_;
      v3_ = std::rotl(v3_, 16) ^ v2_;
      v0_ = std::rotl(v0_, 32);
      v2_ += v1_;
      v0_ += v3_;
      v1_ = std::rotl(v1_, 17) ^ v2_;
      v3_ = std::rotl(v3_, 21) ^ v0_;
      v2_ = std::rotl(v2_, 32);
    }
  }

  std::uint64_t v0_;
  std::uint64_t v1_;
  std::uint64_t v2_;
  std::uint64_t v3_;
};

using SipHash24 = SipHash<2, 4>;
using SipHash13 = SipHash<1, 3>;

/// The hash of `bytes`.
template <class Hash>
constexpr std::uint64_t siphash(SipKey key, Bytes bytes) {
  Hash hash{key};
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    word |= std::uint64_t{wire::load8(bytes, i)} << (i % 8 * 8);
    if (i % 8 == 7) {
      hash.add(word);
      word = 0;
    }
  }
  return hash.finish(word, bytes.size());
}

}  // namespace backstop::tcp
