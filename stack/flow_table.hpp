// Demultiplexing (RFC 9293 section 3.3.1): from a pair of endpoints to the slot of its connection. A hash table with
// open addressing; the hash is keyed, so that no peer can choose addresses and ports that collide.
// Read next: core.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory_resource>

#include "stack/tcp/siphash.hpp"
#include "stack/wire/address.hpp"

namespace backstop {

class FlowTable {
 public:
  static constexpr std::uint32_t no_slot = 0xffff'ffff;

  /// Room for `max_entries` connections, all memory from `memory`.
  FlowTable(std::uint32_t max_entries, const std::array<std::uint8_t, 16>& secret, std::pmr::memory_resource* memory);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  /// Places in a table for `max_entries`: at least twice as many, so that probes stay short.
  static constexpr std::size_t places(std::uint32_t max_entries) {
    return std::bit_ceil(std::max(std::size_t{max_entries} * 2, std::size_t{2}));
  }
  /// Octets it takes from the resource.
  static constexpr std::size_t required_memory(std::uint32_t max_entries) {
    return places(max_entries) * sizeof(Entry);
  }

  [[nodiscard, gnu::noinline]] std::uint32_t hash(const FourTuple& tuple) const {
    tcp::SipHash13 hash{key_};
    hash.add((std::uint64_t{tuple.local.address.value} << 32) | tuple.remote.address.value);
    return static_cast<std::uint32_t>(
        hash.finish((std::uint64_t{tuple.local.port} << 16) | tuple.remote.port, 8 + 2 + 2));
  }

  /// The slot that `tuple` was inserted with, or no_slot. `tuple_of(slot)` tells the tuple of a slot in the table.
  template <class TupleOf>
  [[nodiscard]] std::uint32_t find(const FourTuple& tuple, TupleOf&& tuple_of) {
    const std::uint32_t tag = tag_of(tuple);
    for (std::size_t at = tag & mask_; entries_[at] != empty; at = (at + 1) & mask_) {
      const Entry entry = entries_[at];
      if (((entry ^ tag) & ~slot_mask_) == 0 && tuple_of(slot_in(entry)) == tuple) return slot_in(entry);
    }
    return no_slot;
  }

  /// The tuple must not be in the table, and there must be room. Returns the tag that erase() asks for.
  std::uint32_t insert(const FourTuple& tuple, std::uint32_t slot);
  /// Takes out what was inserted for this slot, with this tag; false when it is not there. `tag_of(slot)` tells the tag
  /// of another slot in the table.
  template <class TagOf>
  bool erase(std::uint32_t tag, std::uint32_t slot, TagOf&& tag_of) {
    for (std::size_t at = tag & mask_; entries_[at] != empty; at = (at + 1) & mask_) {
      if (entries_[at] != entry_of(tag, slot)) continue;
      close_gap(at, tag_of);
      --size_;
      return true;
    }
    return false;
  }

  [[nodiscard]] std::uint32_t size() const { return size_; }

 private:
  // The slot and one, in as many bits as there are slots for; above them the same bits of the hash, which spare nearly
  // all looks at tuples. Why in one number: each connection has a cache line here that nobody else has looked at for
  // long, and the fewer there are, the sooner one is met again.
  using Entry = std::uint32_t;
  static constexpr Entry empty = 0;

  [[nodiscard]] Entry entry_of(std::uint32_t tag, std::uint32_t slot) const { return (tag & ~slot_mask_) | (slot + 1); }
  [[nodiscard]] std::uint32_t slot_in(Entry entry) const { return (entry & slot_mask_) - 1; }

  // Moves entries back over the gap until none would be cut off from its home place, so that no tombstones are needed.
  template <class TagOf>
  void close_gap(std::size_t gap, TagOf& tag_of) {
    for (std::size_t at = (gap + 1) & mask_; entries_[at] != empty; at = (at + 1) & mask_) {
      const std::size_t from_home = (at - tag_of(slot_in(entries_[at]))) & mask_;
      const std::size_t from_gap = (at - gap) & mask_;
      if (from_home < from_gap) continue;
      entries_[gap] = entries_[at];
      gap = at;
    }
    entries_[gap] = empty;
  }

  // Why the last is kept: what is not found is mostly inserted next, and the hash is the greater part of both.
  std::uint32_t tag_of(const FourTuple& tuple) {
    if (tuple != hashed_last_) {
      hashed_last_ = tuple;
      last_tag_ = hash(tuple);
    }
    return last_tag_;
  }

  tcp::SipKey key_;
  std::size_t mask_;
  Entry slot_mask_;
  std::uint32_t max_entries_;
  std::uint32_t size_ = 0;
  std::pmr::memory_resource* memory_;
  Entry* entries_;
  FourTuple hashed_last_;
  std::uint32_t last_tag_;
};

}  // namespace backstop
