// The deadlines of all connections, one each: arming, cancelling and finding the next are O(1) with a million of them
// (the hierarchical wheel of Varghese and Lauck 1987). A deadline sits at the level of the highest base-64 digit in
// which it differs from the wheel's present, in the bucket of that digit: so lower levels come before higher ones,
// buckets of a level are in order, and each knows its earliest deadline, exact to the nanosecond.
// Read next: core.hpp, which asks it when to wake.
#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>

#include "stack/tcp/places.hpp"
#include "stack/tcp/time.hpp"

namespace backstop {

class TimerWheel {
 public:
  static constexpr std::uint32_t no_slot = 0xffff'ffff;

  /// Room for slots 0 to capacity - 1. A slot's memory is not touched before it, or one above it, is first armed.
  TimerWheel(std::uint32_t capacity, std::pmr::memory_resource* memory);

  /// Octets it takes from the resource.
  static constexpr std::size_t required_memory(std::uint32_t capacity) { return Nodes::required_memory(capacity); }

  /// Sets or moves the slot's deadline. One in the past fires with the next expire(); `never` is cancel().
  void arm(std::uint32_t slot, Instant deadline);
  void cancel(std::uint32_t slot);
  /// As arm(), but a slot that would fire earlier than this stays where it is, and its owner arms it again then. Why:
  /// deadlines are put off with every packet, and few are ever reached.
  void arm_no_later(std::uint32_t slot, Instant deadline) {
    const bool early_enough = slot < initialised_ && nodes_[slot].deadline <= key_of(deadline);
    if (deadline == never || !early_enough) [[unlikely]]
      arm(slot, deadline);
  }
  [[nodiscard]] bool armed(std::uint32_t slot) const {
    return slot < initialised_ && nodes_[slot].deadline != not_armed;
  }

  /// The earliest deadline; `never` when nothing is armed. After a cancel or a move to later it may be too early: an
  /// expire() then finds nothing, and puts it right.
  [[nodiscard]] Instant next_deadline() const;
  /// Whether expire() may find something.
  [[nodiscard]] bool may_expire(Instant now) const { return key_of(now) >= soonest_; }
  /// Disarms and returns one slot whose deadline is not after `now`, in no certain order; no_slot when there is none
  /// left. Amortised O(1), however far time has come. Time must not run back.
  std::uint32_t expire(Instant now) { return may_expire(now) ? expire_due(now) : no_slot; }

 private:
  // Deadlines as unsigned numbers in the same order, so that digits and differences are plain.
  using Key = std::uint64_t;
  static constexpr Key not_armed = ~Key{0};

  struct Node {
    Key deadline = not_armed;
    std::uint32_t previous = no_slot;  // the node before it in its bucket; of the first there, first_of + bucket
    std::uint32_t next = no_slot;
  };
  using Nodes = tcp::Places<Node, 30>;

  static constexpr std::uint32_t digit_bits = 6;  // Why: the digits in use at a level are one 64-bit word.
  static constexpr std::uint32_t digits = 1 << digit_bits;
  static constexpr std::uint32_t levels = (64 + digit_bits - 1) / digit_bits;
  static constexpr std::uint32_t due_bucket = levels * digits;
  static constexpr std::uint32_t first_of = 0x8000'0000;  // no slot has so high a number

  static Key key_of(Instant instant) { return static_cast<Key>(instant.time_since_epoch().count()) ^ (Key{1} << 63); }
  static Instant instant_of(Key key) { return Instant{Duration{static_cast<std::int64_t>(key ^ (Key{1} << 63))}}; }
  std::uint32_t expire_due(Instant now);
  [[nodiscard]] std::uint32_t bucket_of(Key deadline) const;
  [[nodiscard]] std::uint32_t first_bucket() const;
  void initialise_up_to(std::uint32_t slot);
  void link(std::uint32_t slot);
  void unlink(std::uint32_t slot);
  void mark_used(std::uint32_t bucket);
  void mark_empty(std::uint32_t bucket);
  bool advance_to(Key now);
  void spread(std::uint32_t bucket, Key now);

  std::uint32_t capacity_;
  std::uint32_t initialised_ = 0;  // nodes below it have been written
  Nodes nodes_;

  // Invariant: bucket_of(deadline), which depends on now_, names the bucket that each armed node is in.
  Key now_ = 0;
  Key soonest_ = not_armed;                          // no deadline is earlier
  std::uint32_t used_levels_ = 0;                    // bit: the level has a bucket in use
  std::array<std::uint64_t, levels> used_digits_{};  // bit: the bucket is in use
  std::array<std::uint32_t, due_bucket + 1> heads_;
  std::array<Key, due_bucket + 1> earliest_;  // of a bucket in use; after a cancel it may be too early
};

}  // namespace backstop
