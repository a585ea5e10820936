#include "stack/wire/bytes.hpp"

#include "tests/support/catch.hpp"
#include "tests/wire/octets.hpp"

namespace backstop::wire {
namespace {

TEST_CASE("Bytes: few octets are copied as many are, and nothing beside them") {
  Random random{5};
  const Octets from = random_octets(random, 40);
  for (std::size_t size = 0; size < from.size(); ++size) {
    Octets to(size + 2, std::byte{0xee});
    copy(to.data() + 1, from.data(), size);
    CHECK(std::equal(to.begin() + 1, to.end() - 1, from.begin()));
    CHECK(to.front() == std::byte{0xee});
    CHECK(to.back() == std::byte{0xee});
  }
}

}  // namespace
}  // namespace backstop::wire
