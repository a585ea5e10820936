#include "stack/tcp/siphash.hpp"

#include "tests/support/catch.hpp"

namespace backstop::tcp {
namespace {

// Key and input of the published vectors: the octets 0, 1, 2 ...
template <std::size_t size>
constexpr std::array<std::uint8_t, size> counting() {
  std::array<std::uint8_t, size> octets{};
  for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<std::uint8_t>(i);
  return octets;
}

constexpr SipKey key{counting<16>()};

template <class Hash>
std::uint64_t hash_of_first(std::size_t size, SipKey with = key) {
  static constexpr auto input = counting<64>();
  return siphash<Hash>(with, std::as_bytes(std::span{input}).first(size));
}

TEST_CASE("SipHash-2-4 gives the values that its authors published") {
  constexpr std::array<std::uint64_t, 16> published{
      0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
      0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
      0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
      0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
  };
  for (std::size_t size = 0; size < published.size(); ++size) {
    INFO("octets of input: " << size);
    CHECK(hash_of_first<SipHash24>(size) == published[size]);
  }
  CHECK(hash_of_first<SipHash24>(63) == 0x958a324ceb064572);
}

TEST_CASE("SipHash-1-3 gives the values that CPython's hash() of bytes gives with PYTHONHASHSEED=0") {
  constexpr SipKey zero;
  CHECK(hash_of_first<SipHash13>(1, zero) == 0x68a914128e01e473);
  CHECK(hash_of_first<SipHash13>(7, zero) == 0x2f098ab0c751325a);
  CHECK(hash_of_first<SipHash13>(8, zero) == 0xead411e67ebe2eea);
  CHECK(hash_of_first<SipHash13>(12, zero) == 0xa6baf4fb0f9fe1c2);
  CHECK(hash_of_first<SipHash13>(15, zero) == 0xf30eb725bb91c9ea);
}

TEST_CASE("SipHash: words that were put together by hand give the hash of the bytes") {
  SipHash13 hash{key};
  hash.add(0x0706'0504'0302'0100);
  CHECK(hash.finish(0x0b0a'0908, 12) == hash_of_first<SipHash13>(12));
}

TEST_CASE("SipHash: key, length and each octet matter") {
  CHECK(hash_of_first<SipHash13>(8) != hash_of_first<SipHash24>(8));
  CHECK(siphash<SipHash13>(SipKey{}, {}) != siphash<SipHash13>(key, {}));
  const std::array<std::byte, 9> zeros{};
  CHECK(siphash<SipHash13>(key, Bytes{zeros}.first(8)) != siphash<SipHash13>(key, Bytes{zeros}));
}

}  // namespace
}  // namespace backstop::tcp
