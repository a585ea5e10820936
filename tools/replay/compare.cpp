#include "tools/replay/compare.hpp"

namespace backstop::replay {

std::string_view to_string(Level level) {
  switch (level) {
    case Level::outcome:
      return "outcome";
    case Level::acks:
      return "acks";
    case Level::segments:
      return "segments";
    case Level::bytes:
      break;
  }
  return "bytes";
}

std::vector<Difference> compare_outcomes(const Outcome& captured, const Outcome& ours) {
  if (captured == ours) return {};
  return {{Level::outcome, "captured: " + to_string(captured) + "\n    ours: " + to_string(ours)}};
}

void AckComparison::advance(AckTrail& captured, AckTrail& ours) {
  std::deque<Hole>& theirs = captured.past_holes();
  std::deque<Hole>& mine = ours.past_holes();
  while (!theirs.empty() || !mine.empty()) {
    // A hole can be compared once the other side has left its edge too.
    const bool theirs_first = mine.empty() || (!theirs.empty() && theirs.front().edge < mine.front().edge);
    const bool mine_first = theirs.empty() || (!mine.empty() && mine.front().edge < theirs.front().edge);
    if (theirs_first) {
      if (ours.edge() <= theirs.front().edge) return;
      compare(&theirs.front(), nullptr);
    } else if (mine_first) {
      if (captured.edge() <= mine.front().edge) return;
      compare(nullptr, &mine.front());
    } else {
      compare(&theirs.front(), &mine.front());
    }
    if (!mine_first) theirs.pop_front();
    if (!theirs_first) mine.pop_front();
  }
}

void AckComparison::compare(const Hole* captured, const Hole* ours) {
  if (captured != nullptr && ours != nullptr && *captured == *ours) return;
  const Hole& hole = captured != nullptr ? *captured : *ours;
  const auto behind = [](const Hole* side) { return side != nullptr ? to_string(side->behind) : "no such hole"; };
  note("at " + std::to_string(hole.edge) + ", acknowledged behind it: captured " + behind(captured) + ", ours " +
       behind(ours));
}

std::vector<Difference> AckComparison::finish(AckTrail& captured, AckTrail& ours) {
  advance(captured, ours);
  for (const Hole& hole : captured.past_holes()) compare(&hole, nullptr);
  for (const Hole& hole : ours.past_holes()) compare(nullptr, &hole);
  if (captured.edge() != ours.edge()) {
    note("the last acknowledgment: captured " + std::to_string(captured.edge()) + ", ours " +
         std::to_string(ours.edge()));
  } else if (captured.present_hole() != ours.present_hole()) {
    compare(&captured.present_hole(), &ours.present_hole());
  }
  if (captured.duplicates() != ours.duplicates()) {
    note("arrived twice: captured " + to_string(captured.duplicates()) + ", ours " + to_string(ours.duplicates()));
  }
  return std::move(differences_);
}

void AckComparison::note(std::string text) {
  if (differences_.size() < most_differences) differences_.push_back({Level::acks, std::move(text)});
}

}  // namespace backstop::replay
