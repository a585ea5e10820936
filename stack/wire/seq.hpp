// Sequence numbers (RFC 9293 section 3.4): 32 bits that wrap, with an order that only makes sense nearby.
// Every comparison of sequence numbers in the project goes through this type, so none breaks at the wrap.
// Read next: segment.hpp.
#pragma once

#include <cstdint>
#include <functional>

namespace backstop {

/// A point in sequence space. `a < b` means that b is ahead of a by 1 to 2^31 - 1. Of two points that are opposite each
/// other, 2^31 apart, neither is less.
class SeqNum {
 public:
  constexpr SeqNum() = default;
  constexpr explicit SeqNum(std::uint32_t value) : value_(value) {}

  [[nodiscard]] constexpr std::uint32_t value() const { return value_; }

  friend constexpr bool operator==(SeqNum, SeqNum) = default;
  friend constexpr bool operator<(SeqNum a, SeqNum b) { return static_cast<std::int32_t>(b.value_ - a.value_) > 0; }
  friend constexpr bool operator>(SeqNum a, SeqNum b) { return b < a; }
  friend constexpr bool operator<=(SeqNum a, SeqNum b) { return !(b < a); }
  friend constexpr bool operator>=(SeqNum a, SeqNum b) { return !(a < b); }

  friend constexpr SeqNum operator+(SeqNum a, std::uint32_t n) { return SeqNum{a.value_ + n}; }
  friend constexpr SeqNum operator-(SeqNum a, std::uint32_t n) { return SeqNum{a.value_ - n}; }
  /// How far `a` is ahead of `b`, modulo 2^32.
  friend constexpr std::uint32_t operator-(SeqNum a, SeqNum b) { return a.value_ - b.value_; }
  constexpr SeqNum& operator+=(std::uint32_t n) { return *this = *this + n; }
  constexpr SeqNum& operator++() { return *this += 1; }

 private:
  std::uint32_t value_ = 0;
};

constexpr SeqNum max(SeqNum a, SeqNum b) { return a < b ? b : a; }
constexpr SeqNum min(SeqNum a, SeqNum b) { return a < b ? a : b; }

}  // namespace backstop

/// The order of sequence numbers is not transitive, so they must never be keys of an ordered container.
template <>
struct std::less<backstop::SeqNum> {
  bool operator()(backstop::SeqNum, backstop::SeqNum) const = delete;
};
