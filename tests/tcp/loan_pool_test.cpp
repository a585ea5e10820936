// What connections borrow: one for each at most, fresh each time, and last back is first out.
#include "stack/tcp/loan_pool.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory_resource>

#include "tests/support/catch.hpp"

using namespace backstop;

namespace {

struct Thing {
  int number = 7;
};

}  // namespace

TEST_CASE("LoanPool: each of the connections can borrow one, and what comes back is lent again, fresh") {
  tcp::LoanPool<Thing, 0> pool{3, *std::pmr::get_default_resource()};
  std::array<Thing*, 3> lent{};
  for (Thing*& thing : lent) {
    thing = pool.take();
    CHECK(thing->number == 7);
    thing->number = 8;
  }
  CHECK(pool.in_use() == 3);
  CHECK(lent[0] != lent[1]);
  CHECK(lent[1] != lent[2]);
  pool.give_back(lent[1]);
  pool.give_back(lent[0]);
  CHECK(pool.in_use() == 1);
  CHECK(pool.take() == lent[0]);
  Thing* const again = pool.take();
  CHECK(again == lent[1]);
  CHECK(again->number == 7);
}

TEST_CASE("LoanPool: memory of what was never lent is not touched") {
  std::array<std::byte, 4096> memory{};
  memory.fill(std::byte{0xa5});
  std::pmr::monotonic_buffer_resource resource{memory.data(), memory.size(), std::pmr::null_memory_resource()};
  tcp::LoanPool<std::array<std::byte, 64>, 0> pool{32, resource};
  for (int i = 0; i < 100; ++i) pool.give_back(pool.take());
  (void)pool.take();
  const auto touched = memory.size() - static_cast<std::size_t>(std::ranges::count(memory, std::byte{0xa5}));
  CHECK(touched <= 64);
}
