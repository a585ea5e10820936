// What stands out about a segment, by the names that Wireshark gives it ("TCP Analysis" in its user's guide), so that
// people recognise them. Read next: flow_analyzer.hpp, which gives the marks.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace backstop::analysis {

enum class Mark : std::uint8_t {
  retransmission,
  fast_retransmission,
  spurious_retransmission,
  out_of_order,
  previous_segment_not_captured,
  acked_unseen_segment,
  duplicate_ack,
  window_update,
  window_full,
  zero_window,
  zero_window_probe,
  zero_window_probe_ack,
  keep_alive,
  keep_alive_ack,
  d_sack,
  port_numbers_reused,
  count_,
};

inline constexpr std::size_t mark_count = static_cast<std::size_t>(Mark::count_);

/// "Fast Retransmission", as Wireshark writes it.
std::string_view name_of(Mark mark);

/// A set of marks.
class Marks {
 public:
  constexpr Marks() = default;
  constexpr Marks(Mark mark) : bits_(bit(mark)) {}  // NOLINT: a mark is a set of one

  constexpr Marks& operator|=(Marks other) {
    bits_ |= other.bits_;
    return *this;
  }
  [[nodiscard]] constexpr bool has(Mark mark) const { return (bits_ & bit(mark)) != 0; }
  [[nodiscard]] constexpr bool has_any_of(Marks other) const { return (bits_ & other.bits_) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }

  friend constexpr Marks operator|(Marks a, Marks b) { return a |= b; }
  friend constexpr bool operator==(Marks, Marks) = default;

 private:
  static constexpr std::uint32_t bit(Mark mark) { return std::uint32_t{1} << static_cast<unsigned>(mark); }
  std::uint32_t bits_ = 0;
};

constexpr Marks operator|(Mark a, Mark b) { return Marks{a} | Marks{b}; }

inline constexpr Marks any_retransmission =
    Mark::retransmission | Mark::fast_retransmission | Mark::spurious_retransmission;

/// What was found out about one segment.
struct Finding {
  Marks marks;
  std::uint64_t duplicate_of = 0;      ///< the packet whose acknowledgment this one repeats
  std::uint32_t duplicate_number = 0;  ///< how often it was repeated by now

  friend bool operator==(const Finding&, const Finding&) = default;
};

/// "Dup ACK 28#3, Window Full"; empty when there is nothing.
std::string to_string(const Finding& finding);

}  // namespace backstop::analysis
