#include "tools/replay/stack_memory.hpp"

#include <cassert>
#include <new>

namespace backstop::replay {

StackMemory& StackMemory::of_this_thread() {
  thread_local StackMemory memory;
  return memory;
}

StackMemory::~StackMemory() {
  for (const auto& [size, pieces] : kept_) {
    for (void* piece : pieces) ::operator delete(piece, size, std::align_val_t{alignment});
  }
}

void* StackMemory::do_allocate(std::size_t size, [[maybe_unused]] std::size_t wanted_alignment) {
  assert(wanted_alignment <= alignment);
  const auto pieces = kept_.find(size);
  if (pieces == kept_.end() || pieces->second.empty()) return ::operator new(size, std::align_val_t{alignment});
  void* const piece = pieces->second.back();
  pieces->second.pop_back();
  return piece;
}

void StackMemory::do_deallocate(void* memory, std::size_t size, std::size_t /*wanted_alignment*/) {
  auto& pieces = kept_[size];
  if (pieces.size() < most_kept) {
    pieces.push_back(memory);
  } else {
    ::operator delete(memory, size, std::align_val_t{alignment});
  }
}

}  // namespace backstop::replay
