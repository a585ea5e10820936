// Memory for one stack after the other: what the last one used is given to the next, which saves the kernel from
// handing out the same pages again for every flow of a capture. Read next: player.hpp.
#pragma once

#include <cstddef>
#include <map>
#include <memory_resource>
#include <vector>

namespace backstop::replay {

/// For one thread.
class StackMemory final : public std::pmr::memory_resource {
 public:
  static StackMemory& of_this_thread();
  ~StackMemory() override;
  StackMemory(const StackMemory&) = delete;
  StackMemory& operator=(const StackMemory&) = delete;

 private:
  // Why: flows end in turns; what many that were open at once leave behind is given back.
  static constexpr std::size_t most_kept = 4;
  static constexpr std::size_t alignment = 64;

  StackMemory() = default;
  void* do_allocate(std::size_t size, std::size_t wanted_alignment) override;
  void do_deallocate(void* memory, std::size_t size, std::size_t wanted_alignment) override;
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::map<std::size_t, std::vector<void*>> kept_;  // by their size
};

}  // namespace backstop::replay
