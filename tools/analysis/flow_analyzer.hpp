// Watches one connection from where it was captured and says what each segment is: a retransmission, a duplicate ACK, a
// zero window. Pure: segments and times in, findings out. Where a capture allows two readings the one taken is
// Wireshark's; the exceptions are at classify_old_text() and keeps_alive().
// Read next: flow_table.hpp, which has one for each connection of a capture.
#pragma once

#include <array>
#include <optional>

#include "stack/tcp/time.hpp"
#include "stack/wire/segment.hpp"
#include "tools/analysis/marks.hpp"
#include "tools/replay/ack_trail.hpp"
#include "tools/replay/stream_offset.hpp"

namespace backstop::analysis {

using replay::Offset;

/// Who sent a segment: the host that opened the connection, or the other one.
enum class Side : std::uint8_t { client, server };

constexpr Side other(Side side) { return side == Side::client ? Side::server : Side::client; }

/// Where a segment lies in the two streams: 0 is the SYN, 1 the first octet of text.
struct Place {
  Offset seq = 0;
  Offset ack = 0;  ///< meaningful when the segment has ACK
};

class FlowAnalyzer {
 public:
  /// The next segment, in the order of the capture. `segment.text` counts by its size alone.
  Finding see(Side from, const wire::Segment& segment, std::uint64_t number, Instant now);

  /// The place of the segment that was seen last.
  [[nodiscard]] Place place() const { return place_; }
  /// Where the numbers of this side count from. Without a SYN: the first number seen is 1.
  [[nodiscard]] SeqNum isn(Side side) const { return half(side).origin ? half(side).origin->isn() : SeqNum{}; }
  /// Octets that this side's last window offered, scaled.
  [[nodiscard]] std::uint64_t window(Side side) const;

 private:
  // One direction.
  struct Half {
    std::optional<replay::StreamOrigin> origin;
    bool sent_anything = false;
    Offset edge = 0;        // behind the highest octet sent
    Instant edge_time{};    // when that was sent
    replay::RangeSet seen;  // what of the stream has passed by
    bool acked_anything = false;
    Offset ack = 0;  // its last acknowledgment
    Instant ack_time{};
    std::uint64_t ack_number = 0;  // the packet that brought it first
    std::uint32_t duplicates = 0;
    std::uint16_t window = 0;
    bool window_is_scaled = false;  // SYNs are not
    std::optional<std::uint8_t> window_scale;
    Marks last;
  };

  // A segment with what the rules ask about it.
  struct View;

  [[nodiscard]] const Half& half(Side side) const { return halves_[static_cast<std::size_t>(side)]; }
  [[nodiscard]] Half& half(Side side) { return halves_[static_cast<std::size_t>(side)]; }

  void learn_origins(Side from, const wire::Segment& segment);
  void learn_handshake(Side from, const wire::Segment& segment, Instant now);
  [[nodiscard]] View view_of(Side from, const wire::Segment& segment) const;
  [[nodiscard]] Marks judge(const View& view, Instant now) const;
  [[nodiscard]] Marks judge_window(const View& view) const;
  [[nodiscard]] Mark classify_old_text(const View& view, Instant now) const;
  void remember_ack(Half& sender, const View& view, Finding& finding, std::uint64_t number, Instant now);
  void remember(Half& sender, const View& view, Finding& finding, std::uint64_t number, Instant now);

  std::array<Half, 2> halves_{};
  Place place_;
  std::optional<Instant> syn_time_;
  std::optional<Duration> handshake_time_;  // from the SYN to the ACK of the SYN,ACK
};

}  // namespace backstop::analysis
