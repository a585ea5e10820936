// TCP options (RFC 9293 section 3.2; RFC 7323 window scale and timestamps; RFC 2018 SACK): read in any order, unknown
// ones skipped by their length, illegal lengths end the reading; written in the order that Linux and FreeBSD use.
// Read next: segment.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "stack/wire/bytes.hpp"
#include "stack/wire/seq.hpp"

namespace backstop::wire {

inline constexpr std::size_t max_options_size = 40;
/// RFC 7323 section 2.3: a larger shift is used as this one.
inline constexpr std::uint8_t largest_window_scale = 14;

struct Timestamps {
  std::uint32_t value = 0;  ///< TSval
  std::uint32_t echo = 0;   ///< TSecr

  friend bool operator==(const Timestamps&, const Timestamps&) = default;
};

/// A range of text that arrived out of order: from left, up to but without right.
struct SackBlock {
  SeqNum left;
  SeqNum right;

  friend bool operator==(const SackBlock&, const SackBlock&) = default;
};

/// Up to four blocks, the number that fits into 40 octets of options (RFC 2018 section 3).
class SackBlocks {
 public:
  static constexpr std::size_t capacity = 4;

  SackBlocks() {}

  void push_back(SackBlock block) {
    if (size_ < capacity) blocks_[size_++] = block;
  }
  void truncate(std::size_t size) {
    if (size < size_) size_ = static_cast<std::uint8_t>(size);
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] SackBlock operator[](std::size_t index) const { return blocks_[index]; }
  [[nodiscard]] const SackBlock* begin() const { return blocks_.data(); }
  [[nodiscard]] const SackBlock* end() const { return blocks_.data() + size_; }

  friend bool operator==(const SackBlocks& a, const SackBlocks& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  // Why a union: only the first size_ are ever written, since few segments carry any and each one would pay for it.
  union {
    std::array<SackBlock, capacity> blocks_;
  };
  std::uint8_t size_ = 0;
};

struct TcpOptions {
  std::optional<std::uint16_t> mss{};
  std::optional<std::uint8_t> window_scale{};
  bool sack_permitted = false;
  std::optional<Timestamps> timestamps{};
  SackBlocks sack{};

  friend bool operator==(const TcpOptions&, const TcpOptions&) = default;
};

/// Nothing but timestamps, padded in front as RFC 7323 appendix A advises: what nearly all segments of a connection
/// carry. The first word, and the size with both values behind it.
inline constexpr std::uint32_t padded_timestamps = 0x0101'080a;
inline constexpr std::size_t padded_timestamps_size = 12;

/// Reads the options part of a TCP header. An option with an illegal length ends the reading (RFC 9293 MUST-7); what
/// stood before it counts.
TcpOptions parse_options(Bytes options);
/// The same into `found`, which is fresh.
void parse_options(Bytes options, TcpOptions& found);

/// Writes the options and returns their size, at most 40. Each is padded in front to a multiple of four, so that no end
/// of options is needed; octets behind the size are not touched.
/// SACK blocks that do not fit any more are left out, last first.
std::size_t emit_options(const TcpOptions& options, std::span<std::byte, max_options_size> out);

/// The size emit_options would write.
std::size_t options_size(const TcpOptions& options);

}  // namespace backstop::wire
