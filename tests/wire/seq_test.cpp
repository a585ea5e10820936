#include "stack/wire/seq.hpp"

#include <type_traits>

#include "tests/support/catch.hpp"
#include "tests/wire/octets.hpp"

namespace backstop {
namespace {

// Starting points, most of them next to the wrap.
constexpr std::array<std::uint32_t, 7> starts{0, 1, 0x7fff'ffff, 0x8000'0000, 0x8000'0001, 0xffff'fffe, 0xffff'ffff};

TEST_CASE("SeqNum: what is ahead by 1 to 2^31 - 1 is greater, across the wrap too", "[3.4]") {
  for (const std::uint32_t start : starts) {
    for (const std::uint32_t ahead : {1u, 2u, 1460u, 0xffffu, 0x7fff'fffeu, 0x7fff'ffffu}) {
      const SeqNum a{start};
      const SeqNum b = a + ahead;
      INFO(start << " and " << ahead << " ahead of it");
      CHECK((a < b && a <= b && b > a && b >= a && a != b));
      CHECK_FALSE((b < a || b <= a || a > b || a >= b || a == b));
      CHECK(b - a == ahead);
      CHECK(b - ahead == a);
      CHECK(max(a, b) == b);
      CHECK(min(a, b) == a);
    }
  }
}

TEST_CASE("SeqNum: a number is neither ahead of itself nor of its opposite", "[3.4]") {
  for (const std::uint32_t start : starts) {
    const SeqNum a{start};
    const SeqNum opposite = a + 0x8000'0000u;
    CHECK_FALSE((a < a || a > a));
    CHECK((a <= a && a >= a && a == a));
    CHECK_FALSE((a < opposite || opposite < a || a == opposite));
  }
}

TEST_CASE("SeqNum: arithmetic wraps", "[3.4]") {
  SeqNum number{0xffff'ffff};
  CHECK(++number == SeqNum{0});
  number += 10;
  CHECK(number.value() == 10);
  CHECK((number - 11).value() == 0xffff'ffff);
  CHECK(SeqNum{5} - SeqNum{0xffff'fffb} == 10);
}

TEST_CASE("SeqNum cannot be the key of an ordered container", "[3.4]") {
  STATIC_REQUIRE_FALSE(std::is_invocable_v<std::less<SeqNum>, SeqNum, SeqNum>);
}

}  // namespace
}  // namespace backstop
