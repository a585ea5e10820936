#include "tools/replay/ack_trail.hpp"

#include <algorithm>

namespace backstop::replay {

void RangeSet::add(Range range) {
  const auto first = std::ranges::find_if(ranges_, [&](const Range& other) { return other.right >= range.left; });
  auto last = first;
  for (; last != ranges_.end() && last->left <= range.right; ++last) {
    range.left = std::min(range.left, last->left);
    range.right = std::max(range.right, last->right);
  }
  ranges_.insert(ranges_.erase(first, last), range);
}

std::string to_string(const RangeSet& set) {
  std::string text;
  for (const Range& range : set.ranges()) {
    text += (text.empty() ? "" : " ") + std::to_string(range.left) + ":" + std::to_string(range.right);
  }
  return text.empty() ? "nothing" : text;
}

void AckTrail::see(Offset edge, const wire::SackBlocks& blocks, const StreamOrigin& origin, std::optional<Offset> fin) {
  if (edge < edge_) return;  // an old acknowledgment sent again
  if (edge > edge_) {
    if (!present_.behind.empty()) past_.push_back(std::move(present_));
    present_ = {edge, {}};
    edge_ = edge;
  }
  const auto range_of = [&](const wire::SackBlock& block) {
    return Range{origin.offset_of(block.left), origin.offset_of(block.right)};
  };
  const Range second = blocks.size() > 1 ? range_of(blocks[1]) : Range{};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    Range range = range_of(blocks[i]);
    const bool is_inside_second = i == 0 && range.left >= second.left && range.right <= second.right;
    const bool is_duplicate = range.right <= edge || is_inside_second;  // RFC 2883 section 4
    range.left = std::max<Offset>(range.left, 1);
    if (fin) range.right = std::min(range.right, *fin);
    if (range.left < range.right) (is_duplicate ? duplicates_ : present_.behind).add(range);
  }
}

}  // namespace backstop::replay
