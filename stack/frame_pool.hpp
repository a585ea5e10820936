// Memory for coroutine frames: one region, cut into blocks of some forty sizes as they are first asked for. A block
// that comes back waits in the list of its size. O(1) both ways, and never more than the region. Read next:
// coroutine.hpp, whose frames live here.
#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>

namespace backstop {

class FramePool final : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t smallest = 64;
  static constexpr std::size_t largest = 65'536;

  /// Takes a region of `size` octets from `upstream`, and touches none of it before it is asked for.
  FramePool(std::size_t size, std::pmr::memory_resource* upstream);
  ~FramePool() override;
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  /// Octets of the blocks that are out now.
  [[nodiscard]] std::size_t bytes_in_use() const { return in_use_; }
  /// What a request of `size` octets takes: four sizes for each doubling, so that less than a fifth is lost.
  [[nodiscard]] static std::size_t block_size(std::size_t size);

 private:
  struct FreeBlock {
    FreeBlock* next;
  };

  static constexpr std::size_t size_classes = 1 + 4 * 10;  // `smallest`, and four for each of ten doublings

  static std::size_t class_of(std::size_t size);
  void* do_allocate(std::size_t size, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t size, std::size_t alignment) override;
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::pmr::memory_resource* upstream_;
  std::size_t size_;
  std::byte* region_;
  std::size_t cut_ = 0;  // octets of the region that were cut into blocks
  std::size_t in_use_ = 0;
  std::array<FreeBlock*, size_classes> free_{};
};

}  // namespace backstop
