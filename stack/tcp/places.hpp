// Places for many things of one type: memory that is taken from a resource once and not touched, so that places that
// are never used cost addresses only. Whoever has them makes the things there, and knows which. Read next:
// loan_pool.hpp, sent_list.hpp.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <type_traits>

namespace backstop::tcp {

/// The first place begins with a cache line, `lines` behind the beginning of the memory. Why: large memory begins at
/// the start of a page, and the first places of all of a stack's arrays are the busiest ones. They would meet in the
/// same few sets of a processor's cache, and put each other out.
template <class Thing, std::size_t lines>
class Places {
 public:
  Places(std::size_t count, std::pmr::memory_resource& memory)
      : memory_(memory),
        count_(count),
        begin_(static_cast<std::byte*>(memory.allocate(required_memory(count), cache_line))) {}
  ~Places() { memory_.deallocate(begin_, required_memory(count_), cache_line); }
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;

  [[nodiscard]] Thing& operator[](std::size_t place) { return first()[place]; }
  [[nodiscard]] const Thing& operator[](std::size_t place) const { return first()[place]; }

  static constexpr std::size_t required_memory(std::size_t count) { return skipped + count * sizeof(Thing); }

 private:
  static_assert(std::is_trivially_destructible_v<Thing>);
  static constexpr std::size_t cache_line = 64;
  static_assert(alignof(Thing) <= cache_line);
  static constexpr std::size_t skipped = lines * cache_line;

  [[nodiscard]] Thing* first() const { return reinterpret_cast<Thing*>(begin_ + skipped); }

  std::pmr::memory_resource& memory_;
  std::size_t count_;
  std::byte* begin_;
};

}  // namespace backstop::tcp
