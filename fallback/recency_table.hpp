// A hash table with a fixed number of rows that knows which of them has been used least recently: what is inserted into
// a full one takes that row's place. All memory comes from the constructor. The hash is keyed, since keys are a peer's.
// Read next: manager.hpp, who keeps records in several of these.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace backstop::detail {

/// `Hash` is called with a Key and returns 64 bits.
template <class Key, class Value, class Hash>
class RecencyTable {
 public:
  RecencyTable(std::uint32_t capacity, Hash hash, std::pmr::memory_resource& memory)
      : hash_(hash), rows_(capacity, &memory), chains_(std::bit_ceil(std::max(capacity, 1u)), none, &memory) {
    for (std::uint32_t index = capacity; index-- > 0;) rows_[index].in_chain = std::exchange(free_, index);
  }

  /// The value, or nothing. Its row counts as used now.
  Value* find(const Key& key) {
    const std::uint32_t index = index_of(key);
    if (index == none) return nullptr;
    leave_order(index);
    join_order(index);
    return &rows_[index].value;
  }
  /// A value of its default for a key that is not in the table; nothing when the table has no rows at all.
  Value* insert(const Key& key) {
    assert(index_of(key) == none);
    if (free_ == none && oldest_ != none) erase(rows_[oldest_].key);
    if (free_ == none) return nullptr;
    const std::uint32_t index = free_;
    Row& row = rows_[index];
    free_ = row.in_chain;
    row.key = key;
    row.value = Value{};
    row.in_chain = std::exchange(chain_of(key), index);
    join_order(index);
    ++size_;
    return &row.value;
  }
  Value* find_or_insert(const Key& key) {
    Value* value = find(key);
    return value != nullptr ? value : insert(key);
  }
  void erase(const Key& key) {
    std::uint32_t* place = &chain_of(key);
    while (*place != none && !(rows_[*place].key == key)) place = &rows_[*place].in_chain;
    if (*place == none) return;
    const std::uint32_t index = *place;
    *place = rows_[index].in_chain;
    leave_order(index);
    rows_[index].in_chain = std::exchange(free_, index);
    --size_;
  }

  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] std::uint32_t capacity() const { return static_cast<std::uint32_t>(rows_.size()); }

  /// Calls `visit(key, value)` for all, the most recently used first.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::uint32_t index = newest_; index != none; index = rows_[index].older) {
      visit(rows_[index].key, rows_[index].value);
    }
  }

 private:
  static constexpr std::uint32_t none = 0xffff'ffff;

  struct Row {
    Key key{};
    Value value{};
    std::uint32_t in_chain = none;  // the next row of the same hash, or the next free one
    std::uint32_t newer = none;
    std::uint32_t older = none;
  };

  // Why the last is kept: what is not found is mostly inserted next, and what was found last goes first.
  std::uint32_t& chain_of(const Key& key) {
    if (!(key == hashed_last_)) {
      hashed_last_ = key;
      last_hash_ = hash_(key);
    }
    return chains_[last_hash_ & (chains_.size() - 1)];
  }
  std::uint32_t index_of(const Key& key) {
    std::uint32_t index = chain_of(key);
    while (index != none && !(rows_[index].key == key)) index = rows_[index].in_chain;
    return index;
  }
  void join_order(std::uint32_t index) {
    rows_[index].older = newest_;
    rows_[index].newer = none;
    (newest_ == none ? oldest_ : rows_[newest_].newer) = index;
    newest_ = index;
  }
  void leave_order(std::uint32_t index) {
    const Row& row = rows_[index];
    (row.newer == none ? newest_ : rows_[row.newer].older) = row.older;
    (row.older == none ? oldest_ : rows_[row.older].newer) = row.newer;
  }

  Hash hash_;
  std::pmr::vector<Row> rows_;
  std::pmr::vector<std::uint32_t> chains_;  // by hash: the first row
  std::uint32_t free_ = none;
  std::uint32_t newest_ = none;
  std::uint32_t oldest_ = none;
  std::uint32_t size_ = 0;
  Key hashed_last_{};
  std::uint64_t last_hash_ = hash_(hashed_last_);
};

}  // namespace backstop::detail
