#include "stack/flow_table.hpp"

#include <cassert>
#include <memory>

namespace backstop {

FlowTable::FlowTable(std::uint32_t max_entries, const std::array<std::uint8_t, 16>& secret,
                     std::pmr::memory_resource* memory)
    : key_(secret),
      mask_(places(max_entries) - 1),
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
  while (!entries_[at].empty()) at = (at + 1) & mask_;
  entries_[at] = {slot + 1, tag};
  ++size_;
  return tag;
}

bool FlowTable::erase(std::uint32_t tag, std::uint32_t slot) {
  for (std::size_t at = tag & mask_; !entries_[at].empty(); at = (at + 1) & mask_) {
    if (entries_[at].tag != tag || entries_[at].slot() != slot) continue;
    close_gap(at);
    --size_;
    return true;
  }
  return false;
}

// Moves entries back over the gap until none would be cut off from its home place, so that no tombstones are needed.
void FlowTable::close_gap(std::size_t gap) {
  for (std::size_t at = (gap + 1) & mask_; !entries_[at].empty(); at = (at + 1) & mask_) {
    const std::size_t from_home = (at - entries_[at].tag) & mask_;
    const std::size_t from_gap = (at - gap) & mask_;
    if (from_home < from_gap) continue;
    entries_[gap] = entries_[at];
    gap = at;
  }
  entries_[gap] = {};
}

}  // namespace backstop
