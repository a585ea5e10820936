// The acknowledgments of one host, reduced to what does not depend on how many it sent: the last edge, the holes it
// told of and what it told it had behind each (RFC 2018), and what it told it got twice (RFC 2883). Read next:
// compare.hpp, where two trails meet.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "stack/wire/segment.hpp"
#include "tools/replay/stream_offset.hpp"

namespace backstop::replay {

struct Range {
  Offset left = 0;
  Offset right = 0;

  friend bool operator==(const Range&, const Range&) = default;
};

/// Ranges that do not touch each other, in order.
class RangeSet {
 public:
  void add(Range range);
  [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }
  [[nodiscard]] bool empty() const { return ranges_.empty(); }

  friend bool operator==(const RangeSet&, const RangeSet&) = default;

 private:
  std::vector<Range> ranges_;
};

std::string to_string(const RangeSet& set);

/// An edge where text was missing, and all text that was acknowledged behind it while the edge stood still.
struct Hole {
  Offset edge = 0;
  RangeSet behind;

  friend bool operator==(const Hole&, const Hole&) = default;
};

class AckTrail {
 public:
  /// An acknowledgment at `edge` of the stream that begins at `origin` and whose FIN stands at `fin`. Only text counts:
  /// stacks differ in whether their blocks cover SYN and FIN.
  void see(Offset edge, const wire::SackBlocks& blocks, const StreamOrigin& origin, std::optional<Offset> fin);

  [[nodiscard]] Offset edge() const { return edge_; }
  /// Holes that stand in the past: their edge was left.
  [[nodiscard]] std::deque<Hole>& past_holes() { return past_; }
  /// The hole at the present edge, if there is one.
  [[nodiscard]] const Hole& present_hole() const { return present_; }
  /// Text that arrived twice.
  [[nodiscard]] const RangeSet& duplicates() const { return duplicates_; }

 private:
  Offset edge_ = 0;
  Hole present_;
  std::deque<Hole> past_;
  RangeSet duplicates_;
};

}  // namespace backstop::replay
