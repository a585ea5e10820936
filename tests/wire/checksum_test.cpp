#include "stack/wire/checksum.hpp"

#include "stack/wire/ipv4.hpp"
#include "tests/support/catch.hpp"
#include "tests/wire/octets.hpp"

namespace backstop::wire {
namespace {

std::uint16_t sum_of(Bytes bytes) {
  Checksum checksum;
  checksum.add(bytes);
  return checksum.sum();
}

TEST_CASE("Checksum: the example of RFC 1071 section 3", "[RFC1071]") {
  const Octets bytes = octets({0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7});
  CHECK(sum_of(bytes) == 0xddf2);
  Checksum checksum;
  checksum.add(bytes);
  CHECK(checksum.finish() == 0x220d);
}

TEST_CASE("Checksum: nothing sums to nothing, and an odd octet is the upper half of a word") {
  CHECK(sum_of({}) == 0);
  CHECK(sum_of(octets({0x12})) == 0x1200);
  CHECK(sum_of(octets({0, 0, 0x12})) == 0x1200);
}

TEST_CASE("Checksum: agrees with the reference at every length and alignment", "[RFC1071]") {
  Random random{1};
  const Octets store = random_octets(random, 300);
  for (std::size_t from = 0; from < 16; ++from) {
    for (std::size_t size = 0; size <= 270; ++size) {
      const Bytes bytes = Bytes{store}.subspan(from, size);
      REQUIRE(sum_of(bytes) == reference_sum(bytes));
    }
  }
}

TEST_CASE("Checksum: summing while copying sums the same and copies all of it, and nothing else", "[RFC1071]") {
  Random random{4};
  const Octets from = random_octets(random, 2000);
  for (int round = 0; round < 4000; ++round) {
    const std::size_t size = round < 300 ? static_cast<std::size_t>(round) : random() % 1900;
    const Bytes piece = Bytes{from}.subspan(random() % (from.size() - size), size);
    const std::size_t at = 1 + random() % 16;
    const bool odd = random() % 2 != 0;  // the piece begins at an odd offset of what is summed
    Octets to(at + size + 1, std::byte{0xee});
    Checksum copying, plain;
    if (odd) copying.add(octets({0x12})), plain.add(octets({0x12}));
    copying.add_copying(piece, to.data() + at);
    plain.add(piece);
    REQUIRE(copying.sum() == plain.sum());
    REQUIRE(std::equal(piece.begin(), piece.end(), to.begin() + static_cast<std::ptrdiff_t>(at)));
    REQUIRE(to[at - 1] == std::byte{0xee});
    REQUIRE(to[at + size] == std::byte{0xee});
  }
}

TEST_CASE("Checksum: carries are never lost, however many there are") {
  for (const std::size_t size : {20u, 59u, 60u, 65'535u, 65'536u, 1'000'003u}) {
    const Octets ones(size, std::byte{0xff});
    CHECK(sum_of(ones) == reference_sum(ones));
  }
}

TEST_CASE("Checksum: bytes in pieces sum like the whole, wherever they are cut", "[RFC1071]") {
  Random random{2};
  for (int round = 0; round < 2000; ++round) {
    const Octets bytes = random_octets(random, random() % 4000);
    Checksum checksum;
    Bytes rest = bytes;
    while (!rest.empty()) {
      const std::size_t size = random() % std::min<std::size_t>(rest.size() + 1, 200);
      checksum.add(rest.first(size));
      rest = rest.subspan(size);
    }
    REQUIRE(checksum.sum() == reference_sum(bytes));
  }
}

TEST_CASE("Checksum: numbers count as their octets on the wire") {
  Checksum numbers;
  numbers.add32(0x0102'0304);
  numbers.add16(0xfffe);
  CHECK(numbers.sum() == reference_sum(octets({1, 2, 3, 4, 0xff, 0xfe})));
}

TEST_CASE("Checksum: the pseudo-header has addresses, a zero, protocol and length", "[3.1]") {
  const Checksum checksum =
      pseudo_header(Ipv4Address::of(198, 51, 100, 7), Ipv4Address::of(203, 0, 113, 9), protocol_tcp, 0x1234);
  CHECK(checksum.sum() == reference_sum(octets({198, 51, 100, 7, 203, 0, 113, 9, 0, 6, 0x12, 0x34})));
}

TEST_CASE("Checksum: over bytes that hold it, it is zero; with one bit turned, it is not") {
  Random random{3};
  for (int round = 0; round < 200; ++round) {
    Octets bytes = random_octets(random, 2 + random() % 100);
    store16(bytes, 0, 0);
    Checksum empty_field;
    empty_field.add(bytes);
    store16(bytes, 0, empty_field.finish());
    Checksum filled;
    filled.add(bytes);
    REQUIRE(filled.finish() == 0);
    bytes[random() % bytes.size()] ^= static_cast<std::byte>(1u << random() % 8);
    Checksum damaged;
    damaged.add(bytes);
    REQUIRE(damaged.finish() != 0);
  }
}

}  // namespace
}  // namespace backstop::wire
