#include "stack/flow_table.hpp"

#include <cassert>
#include <memory>

namespace backstop {

FlowTable::FlowTable(std::uint32_t max_entries, const std::array<std::uint8_t, 16>& secret,
                     std::pmr::memory_resource* memory)
    : key_(secret),
      mask_(places(max_entries) - 1),
      slot_mask_(static_cast<Entry>(std::bit_ceil(std::size_t{max_entries} + 1) - 1)),
      max_entries_(max_entries),
      memory_(memory),
      entries_(static_cast<Entry*>(memory->allocate(required_memory(max_entries), alignof(Entry)))),
      last_tag_(hash(hashed_last_)) {
  std::uninitialized_value_construct_n(entries_, places(max_entries));
}

FlowTable::~FlowTable() { memory_->deallocate(entries_, required_memory(max_entries_), alignof(Entry)); }

std::uint32_t FlowTable::insert(const FourTuple& tuple, std::uint32_t slot) {
  assert(size_ < max_entries_ && slot != no_slot);
  const std::uint32_t tag = tag_of(tuple);
  std::size_t at = tag & mask_;
  while (entries_[at] != empty) at = (at + 1) & mask_;
  entries_[at] = entry_of(tag, slot);
  ++size_;
  return tag;
}

}  // namespace backstop
