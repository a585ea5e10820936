#include "stack/frame_pool.hpp"

#include <cstring>
#include <map>
#include <new>
#include <random>

#include "tests/support/catch.hpp"

namespace backstop {
namespace {

TEST_CASE("Frame pool: a block holds what was asked for, and loses less than a fifth") {
  for (std::size_t size = FramePool::smallest + 1; size <= FramePool::largest; ++size) {
    const std::size_t block = FramePool::block_size(size);
    REQUIRE(block >= size);
    REQUIRE(block % alignof(std::max_align_t) == 0);
    REQUIRE((block - size) * 5 < block);
  }
  CHECK(FramePool::block_size(0) == 64);
  CHECK(FramePool::block_size(64) == 64);
  CHECK(FramePool::block_size(65) == 80);
  CHECK(FramePool::block_size(129) == 160);
  CHECK(FramePool::block_size(FramePool::largest) == FramePool::largest);
}

TEST_CASE("Frame pool: a block that came back is used again, for any size of its class") {
  FramePool pool{1024, std::pmr::new_delete_resource()};
  void* const first = pool.allocate(700);
  CHECK(pool.bytes_in_use() == 768);
  CHECK_THROWS_AS(pool.allocate(300), std::bad_alloc);
  pool.deallocate(first, 700);
  CHECK(pool.bytes_in_use() == 0);
  CHECK(pool.allocate(641) == first);
  CHECK(pool.bytes_in_use() == 768);
  pool.deallocate(first, 641);
}

TEST_CASE("Frame pool: what it cannot give is refused, and changes nothing") {
  FramePool pool{1 << 20, std::pmr::new_delete_resource()};
  CHECK_THROWS_AS(pool.allocate(FramePool::largest + 1), std::bad_alloc);
  CHECK_THROWS_AS(pool.allocate(64, 64), std::bad_alloc);
  CHECK(pool.bytes_in_use() == 0);
  FramePool none{0, std::pmr::new_delete_resource()};
  CHECK_THROWS_AS(none.allocate(1), std::bad_alloc);
}

// Blocks of random sizes, each filled with a number of its own that must still be there when it goes back.
TEST_CASE("Frame pool: blocks do not overlap, and all of the region comes back") {
  constexpr std::size_t region = 256 << 10;
  FramePool pool{region, std::pmr::new_delete_resource()};
  std::mt19937 random{1};
  struct Block {
    std::size_t size;
    std::byte fill;
  };
  std::map<std::byte*, Block> blocks;
  std::size_t in_use = 0;
  int refused = 0;
  const auto give_back = [&](auto it) {
    const auto [memory, block] = *it;
    REQUIRE(std::count(memory, memory + block.size, block.fill) == static_cast<std::ptrdiff_t>(block.size));
    pool.deallocate(memory, block.size);
    in_use -= FramePool::block_size(block.size);
    blocks.erase(it);
  };
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0 && !blocks.empty()) {
      give_back(std::next(blocks.begin(), static_cast<std::ptrdiff_t>(random() % blocks.size())));
    } else {
      const std::size_t size = 1 + random() % 8192;
      try {
        auto* const memory = static_cast<std::byte*>(pool.allocate(size));
        const Block block{size, static_cast<std::byte>(step)};
        std::memset(memory, std::to_integer<int>(block.fill), size);
        REQUIRE(blocks.emplace(memory, block).second);
        in_use += FramePool::block_size(size);
      } catch (const std::bad_alloc&) {
        ++refused;
      }
    }
    REQUIRE(pool.bytes_in_use() == in_use);
    REQUIRE(in_use <= region);
  }
  while (!blocks.empty()) give_back(blocks.begin());
  CHECK(pool.bytes_in_use() == 0);
  CHECK(refused > 0);
}

}  // namespace
}  // namespace backstop
