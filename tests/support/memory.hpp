// A memory resource that holds the stack to its word: all memory in the constructor, none later, and not more of it
// than Stack::required_memory() said.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <stdexcept>

namespace backstop::test {

class SealedMemory : public std::pmr::memory_resource {
 public:
  /// From now on every allocation is an error.
  void seal() { sealed_ = true; }
  [[nodiscard]] std::size_t taken() const { return taken_; }

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    if (sealed_) throw std::logic_error("the stack allocated memory after its constructor");
    taken_ += size;
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override {
    std::pmr::new_delete_resource()->deallocate(memory, size, alignment);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  bool sealed_ = false;
  std::size_t taken_ = 0;
};

}  // namespace backstop::test
