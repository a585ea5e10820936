#include "stack/timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <memory>

namespace backstop {

TimerWheel::TimerWheel(std::uint32_t capacity, std::pmr::memory_resource* memory)
    : capacity_(capacity), nodes_(capacity, *memory) {
  assert(capacity <= first_of);
  heads_.fill(no_slot);
  earliest_.fill(not_armed);
}

std::uint32_t TimerWheel::bucket_of(Key deadline) const {
  if (deadline <= now_) return due_bucket;
  const auto level = (static_cast<std::uint32_t>(std::bit_width(deadline ^ now_)) - 1) / digit_bits;
  return level * digits + static_cast<std::uint32_t>((deadline >> (level * digit_bits)) % digits);
}

std::uint32_t TimerWheel::first_bucket() const {
  if (heads_[due_bucket] != no_slot) return due_bucket;
  const auto level = static_cast<std::uint32_t>(std::countr_zero(used_levels_));
  return level * digits + static_cast<std::uint32_t>(std::countr_zero(used_digits_[level]));
}

void TimerWheel::initialise_up_to(std::uint32_t slot) {
  assert(slot < capacity_);
  for (; initialised_ <= slot; ++initialised_) std::construct_at(&nodes_[initialised_]);
}

void TimerWheel::arm(std::uint32_t slot, Instant deadline) {
  if (deadline == never) return cancel(slot);
  initialise_up_to(slot);
  const Key key = key_of(deadline);
  if (nodes_[slot].deadline == key) return;
  if (armed(slot)) unlink(slot);
  nodes_[slot].deadline = key;
  link(slot);
}

void TimerWheel::cancel(std::uint32_t slot) {
  if (!armed(slot)) return;
  unlink(slot);
  nodes_[slot].deadline = not_armed;
}

void TimerWheel::link(std::uint32_t slot) {
  Node& node = nodes_[slot];
  const std::uint32_t bucket = bucket_of(node.deadline);
  node.previous = first_of + bucket;
  node.next = heads_[bucket];
  if (node.next == no_slot) {
    mark_used(bucket);
  } else {
    nodes_[node.next].previous = slot;
  }
  heads_[bucket] = slot;
  earliest_[bucket] = std::min(earliest_[bucket], node.deadline);
  soonest_ = std::min(soonest_, node.deadline);
}

void TimerWheel::unlink(std::uint32_t slot) {
  const Node& node = nodes_[slot];
  if (node.next != no_slot) nodes_[node.next].previous = node.previous;
  if (node.previous < first_of) {
    nodes_[node.previous].next = node.next;
    return;
  }
  const std::uint32_t bucket = node.previous - first_of;
  heads_[bucket] = node.next;
  if (node.next == no_slot) mark_empty(bucket);
}

void TimerWheel::mark_used(std::uint32_t bucket) {
  if (bucket == due_bucket) return;
  used_levels_ |= std::uint32_t{1} << (bucket / digits);
  used_digits_[bucket / digits] |= std::uint64_t{1} << (bucket % digits);
}

void TimerWheel::mark_empty(std::uint32_t bucket) {
  earliest_[bucket] = not_armed;
  if (bucket == due_bucket) return;
  std::uint64_t& used = used_digits_[bucket / digits];
  used &= ~(std::uint64_t{1} << (bucket % digits));
  if (used == 0) used_levels_ &= ~(std::uint32_t{1} << (bucket / digits));
}

Instant TimerWheel::next_deadline() const {
  if (heads_[due_bucket] == no_slot && used_levels_ == 0) return never;
  return instant_of(earliest_[first_bucket()]);
}

std::uint32_t TimerWheel::expire_due(Instant now) {
  while (heads_[due_bucket] == no_slot) {
    if (advance_to(key_of(now))) continue;
    soonest_ = used_levels_ == 0 ? not_armed : earliest_[first_bucket()];
    return no_slot;
  }
  const std::uint32_t slot = heads_[due_bucket];
  cancel(slot);
  return slot;
}

// Brings the present forward. True when that opened a bucket, so that there may be something due.
bool TimerWheel::advance_to(Key now) {
  if (used_levels_ == 0) {
    now_ = std::max(now_, now);
    return false;
  }
  const std::uint32_t bucket = first_bucket();
  if (earliest_[bucket] <= now) {
    spread(bucket, now);
    return true;
  }
  // Up to the first bucket in use, the present may move and no node changes its place.
  const Key width = Key{1} << (bucket / digits * digit_bits);
  const Key start = earliest_[bucket] & ~(width - 1);
  if (now < start) now_ = std::max(now_, now);
  return false;
}

// Moves the present into the first bucket's span, and its nodes to where they belong then: each is due, or at a lower
// level. So a node moves at most once a level in its life, which pays for all of this.
void TimerWheel::spread(std::uint32_t bucket, Key now) {
  const Key width = Key{1} << (bucket / digits * digit_bits);
  now_ = std::min(now, earliest_[bucket] | (width - 1));
  std::uint32_t slot = heads_[bucket];
  heads_[bucket] = no_slot;
  mark_empty(bucket);
  while (slot != no_slot) {
    const std::uint32_t next = nodes_[slot].next;
    link(slot);
    slot = next;
  }
}

}  // namespace backstop
