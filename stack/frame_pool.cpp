#include "stack/frame_pool.hpp"

#include <bit>
#include <new>
#include <utility>

namespace backstop {

FramePool::FramePool(std::size_t size, std::pmr::memory_resource* upstream)
    : upstream_(upstream), size_(size), region_(static_cast<std::byte*>(upstream->allocate(size))) {}

FramePool::~FramePool() { upstream_->deallocate(region_, size_); }

std::size_t FramePool::block_size(std::size_t size) {
  if (size <= smallest) return smallest;
  const std::size_t step = std::bit_floor(size - 1) / 4;
  return (size + step - 1) / step * step;
}

// Within a doubling the sizes are 5/4, 6/4, 7/4 and 8/4 of its lower end.
std::size_t FramePool::class_of(std::size_t size) {
  if (size <= smallest) return 0;
  const std::size_t lower = std::bit_floor(size - 1);
  const auto doubling = static_cast<std::size_t>(std::bit_width(lower / smallest) - 1);
  return doubling * 4 + (block_size(size) - lower) / (lower / 4);
}

void* FramePool::do_allocate(std::size_t size, std::size_t alignment) {
  if (size > largest || alignment > alignof(std::max_align_t)) throw std::bad_alloc{};
  const std::size_t block = block_size(size);
  FreeBlock*& free = free_[class_of(size)];
  if (free != nullptr) {
    in_use_ += block;
    return std::exchange(free, free->next);
  }
  if (block > size_ - cut_) throw std::bad_alloc{};
  in_use_ += block;
  return region_ + std::exchange(cut_, cut_ + block);
}

void FramePool::do_deallocate(void* block, std::size_t size, std::size_t) {
  FreeBlock*& free = free_[class_of(size)];
  free = new (block) FreeBlock{free};
  in_use_ -= block_size(size);
}

}  // namespace backstop
