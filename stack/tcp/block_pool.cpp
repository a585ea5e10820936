#include "stack/tcp/block_pool.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace backstop::tcp {
namespace {

std::uint32_t share_of(std::uint32_t count) { return count > 1 ? count - std::max(count / 8, 1u) : count; }

}  // namespace

BlockPool::BlockPool(std::uint32_t count, std::uint32_t block_size, std::pmr::memory_resource& memory)
    : count_(count),
      share_(share_of(count)),
      block_size_(block_size),
      block_bits_(static_cast<std::uint32_t>(std::countr_zero(block_size))),
      data_(std::size_t{count} * block_size, memory),
      links_(count, memory) {}

BlockId BlockPool::take_for_arrival() {
  if (arrivals_ == share_) return no_block;
  const BlockId block = take_any();
  if (block != no_block) ++arrivals_;
  return block;
}

BlockId BlockPool::take_any() {
  BlockId block = free_;
  if (block != no_block) {
    free_ = links_[block].next;
  } else if (touched_ < count_) {
    block = touched_++;
  } else {
    return no_block;
  }
  links_[block] = {no_block, 0};
  ++in_use_;
  return block;
}

void BlockPool::give_back(BlockId block) {
  assert(block < touched_ && in_use_ > 0);
  links_[block].next = free_;
  free_ = block;
  --in_use_;
}

void BlockPool::give_back_arrival(BlockId block) {
  assert(arrivals_ > 0);
  --arrivals_;
  give_back(block);
}

std::size_t BlockPool::required_memory(std::uint32_t count, std::uint32_t block_size) {
  return Octets::required_memory(std::size_t{count} * block_size) + Links::required_memory(count);
}

}  // namespace backstop::tcp
