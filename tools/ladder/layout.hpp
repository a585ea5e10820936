// Where everything of a ladder stands in its picture. Time runs downwards, but not evenly: labels must not overlap, and
// long pauses are cut out. What happens later is never drawn higher.
// Read next: svg.cpp, which draws it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/ladder/ladder.hpp"

namespace backstop::ladder {

/// One line of a label: pieces of text, each in its colour.
using LabelLine = std::vector<page::Run>;

struct PlacedStep {
  const Step* step = nullptr;
  std::vector<LabelLine> label;
  Side label_side = Side::client;
  double sent = 0;     ///< y at the sender
  double arrived = 0;  ///< y at the receiver
};

/// A stretch of time that was cut out.
struct Pause {
  double y = 0;
  Duration time{};
};

struct Layout {
  std::vector<PlacedStep> steps;
  std::vector<Pause> pauses;
  double bottom = 0;
};

inline constexpr double line_height = 14;
inline constexpr double pause_height = 34;

/// `top`: where time begins.
Layout lay_out(const Ladder& ladder, double top);

}  // namespace backstop::ladder
