#include "tools/replay/diff.hpp"

#include <algorithm>
#include <cstddef>

namespace backstop::replay {
namespace {

using Lines = std::vector<std::string>;
using Index = std::ptrdiff_t;

// A step of the way from one text to the other. Indices are of the line it is about, or in front of which it stands.
struct Step {
  enum class Kind : char { same = ' ', removed = '-', added = '+' };
  Kind kind = Kind::same;
  Index before = 0;
  Index after = 0;
};

// Why: the memory of the search grows with its square; texts that differ in more lines than this are shown as replaced.
constexpr Index most_changes = 2000;

// The furthest place on each diagonal that 0, 1, 2 ... changes reach, until the end is reached.
class Search {
 public:
  Search(const Lines& before, const Lines& after, Index begin, Index before_end, Index after_end)
      : before_(before), after_(after), begin_(begin), n_(before_end - begin), m_(after_end - begin) {}

  bool run() {
    const Index limit = std::min(n_ + m_, most_changes);
    std::vector<Index> reach(static_cast<std::size_t>(2 * limit + 3), 0);
    offset_ = limit + 1;
    for (changes_ = 0; changes_ <= limit; ++changes_) {
      trace_.emplace_back(reach.begin() + offset_ - changes_ - 1, reach.begin() + offset_ + changes_ + 2);
      for (Index k = -changes_; k <= changes_; k += 2) {
        const bool down = k == -changes_ || (k != changes_ && at(reach, k - 1) < at(reach, k + 1));
        const Index x = slide(down ? at(reach, k + 1) : at(reach, k - 1) + 1, k);
        at(reach, k) = x;
        if (x >= n_ && x - k >= m_) return true;
      }
    }
    return false;
  }

  // The way that was found, from its end to its beginning.
  [[nodiscard]] std::vector<Step> way_back() const {
    std::vector<Step> steps;
    Index x = n_, y = m_;
    const auto back_along_equal_lines = [&](Index to_x, Index to_y) {
      while (x > to_x && y > to_y) steps.push_back({Step::Kind::same, begin_ + --x, begin_ + --y});
    };
    for (Index d = changes_; d > 0; --d) {
      const auto reached = [&](Index k) {
        return trace_[static_cast<std::size_t>(d)][static_cast<std::size_t>(k + d + 1)];
      };
      const Index k = x - y;
      const bool down = k == -d || (k != d && reached(k - 1) < reached(k + 1));
      const Index from_k = down ? k + 1 : k - 1;
      const Index from_x = reached(from_k);
      back_along_equal_lines(from_x, from_x - from_k);
      if (down) {
        steps.push_back({Step::Kind::added, begin_ + x, begin_ + --y});
      } else {
        steps.push_back({Step::Kind::removed, begin_ + --x, begin_ + y});
      }
    }
    back_along_equal_lines(0, 0);
    return steps;
  }

 private:
  Index& at(std::vector<Index>& reach, Index k) const { return reach[static_cast<std::size_t>(offset_ + k)]; }

  // Along equal lines as far as they go.
  [[nodiscard]] Index slide(Index x, Index k) const {
    while (x < n_ && x - k < m_ &&
           before_[static_cast<std::size_t>(begin_ + x)] == after_[static_cast<std::size_t>(begin_ + x - k)])
      ++x;
    return x;
  }

  const Lines& before_;
  const Lines& after_;
  Index begin_;
  Index n_;
  Index m_;
  Index offset_ = 0;
  Index changes_ = 0;
  std::vector<std::vector<Index>> trace_;
};

std::vector<Step> find_steps(const Lines& before, const Lines& after) {
  const auto n = static_cast<Index>(before.size());
  const auto m = static_cast<Index>(after.size());
  const auto begin = std::ranges::mismatch(before, after).in1 - before.begin();
  Index same_end = 0;
  while (same_end < std::min(n, m) - begin &&
         before[static_cast<std::size_t>(n - same_end - 1)] == after[static_cast<std::size_t>(m - same_end - 1)]) {
    ++same_end;
  }
  std::vector<Step> steps;
  for (Index i = 0; i < begin; ++i) steps.push_back({Step::Kind::same, i, i});
  Search search(before, after, begin, n - same_end, m - same_end);
  if (search.run()) {
    const auto back = search.way_back();
    steps.insert(steps.end(), back.rbegin(), back.rend());
  } else {
    for (Index i = begin; i < n - same_end; ++i) steps.push_back({Step::Kind::removed, i, begin});
    for (Index i = begin; i < m - same_end; ++i) steps.push_back({Step::Kind::added, n - same_end, i});
  }
  for (Index i = same_end; i > 0; --i) steps.push_back({Step::Kind::same, n - i, m - i});
  return steps;
}

std::string range(Index first, Index count) {
  return std::to_string(count == 0 ? first : first + 1) + (count == 1 ? "" : "," + std::to_string(count));
}

std::string hunk(const Lines& before, const Lines& after, const std::vector<Step>& steps, std::size_t from,
                 std::size_t to) {
  Index removed = 0, added = 0;
  std::string body;
  for (std::size_t i = from; i < to; ++i) {
    const Step& step = steps[i];
    removed += step.kind != Step::Kind::added;
    added += step.kind != Step::Kind::removed;
    const std::string& line = step.kind == Step::Kind::added ? after[static_cast<std::size_t>(step.after)]
                                                             : before[static_cast<std::size_t>(step.before)];
    body += static_cast<char>(step.kind) + line + "\n";
  }
  return "@@ -" + range(steps[from].before, removed) + " +" + range(steps[from].after, added) + " @@\n" + body;
}

}  // namespace

std::string unified_diff(const Lines& before, const Lines& after) {
  constexpr std::size_t context = 3;
  const std::vector<Step> steps = find_steps(before, after);
  std::string text;
  for (std::size_t i = 0; i < steps.size();) {
    if (steps[i].kind == Step::Kind::same) {
      ++i;
      continue;
    }
    const std::size_t from = i - std::min(i, context);
    std::size_t to = i;
    for (std::size_t same = 0; to < steps.size() && same <= 2 * context; ++to) {
      same = steps[to].kind == Step::Kind::same ? same + 1 : 0;
    }
    std::size_t trailing = 0;
    while (steps[to - 1 - trailing].kind == Step::Kind::same) ++trailing;
    const std::size_t end = to - trailing + std::min(trailing, context);
    text += hunk(before, after, steps, from, end);
    i = to - trailing + std::min(trailing, context);
  }
  return text;
}

}  // namespace backstop::replay
