#include "tools/ladder/layout.hpp"

#include <algorithm>
#include <array>

namespace backstop::ladder {
namespace {

constexpr std::size_t label_columns = 56;

// Puts pieces of text side by side and begins a new line where they would become too long.
class LabelWriter {
 public:
  void add(std::string_view text, std::string_view colour) {
    while (text.size() > label_columns) {
      std::size_t at = text.rfind(' ', label_columns);
      if (at == text.npos || at == 0) at = label_columns;
      add_piece(text.substr(0, at), colour);
      text.remove_prefix(text[at] == ' ' ? at + 1 : at);
    }
    if (!text.empty()) add_piece(text, colour);
  }
  std::vector<LabelLine> lines() { return std::move(lines_); }

 private:
  void add_piece(std::string_view text, std::string_view colour) {
    constexpr std::string_view between = "  ";
    if (lines_.empty() || used_ + between.size() + text.size() > label_columns) {
      lines_.push_back({{std::string(text), colour}});
      used_ = text.size();
    } else {
      lines_.back().push_back({std::string(between) + std::string(text), colour});
      used_ += between.size() + text.size();
    }
  }

  std::vector<LabelLine> lines_;
  std::size_t used_ = 0;
};

std::vector<LabelLine> label_of(const Step& step) {
  const bool calm = step.kind == Kind::plain || step.kind == Kind::control;
  LabelWriter writer;
  writer.add(step.segment, calm ? "ink" : colour_of(step.kind));
  writer.add(step.marks, colour_of(step.kind));
  if (step.passage == Passage::lost) writer.add("lost on the way", "again");
  if (step.passage == Passage::twice) writer.add("delivered twice", "order");
  writer.add(step.options, step.options.starts_with("sack") ? "sack" : "soft");
  return writer.lines();
}

struct Event {
  Instant time{};
  bool is_arrival = false;
  std::size_t step = 0;
};

std::vector<Event> events_of(const Ladder& ladder) {
  std::vector<Event> events;
  for (std::size_t i = 0; i < ladder.steps.size(); ++i) {
    const Step& step = ladder.steps[i];
    events.push_back({step.sent, false, i});
    // Why later by some time: an arrow that falls can be told from the one that answers it.
    if (!step.hidden) events.push_back({std::max(step.arrived, step.sent + Duration{1}), true, i});
  }
  std::ranges::stable_sort(events, {}, &Event::time);
  return events;
}

class Placer {
 public:
  Placer(const Ladder& ladder, double top) : ladder_(ladder), y_(top), free_{top, top}, last_arrival_{top, top} {
    layout_.steps.resize(ladder.steps.size());
    const bool nothing_known = ladder.distance <= Duration::zero();
    distance_ = nothing_known ? Duration{std::chrono::milliseconds{1}} : ladder.distance;
  }

  Layout place() {
    const std::vector<Event> events = events_of(ladder_);
    Instant before = events.empty() ? Instant{} : events.front().time;
    for (const Event& event : events) {
      pass(event.time - before);
      before = event.time;
      const Step& step = ladder_.steps[event.step];
      PlacedStep& placed = layout_.steps[event.step];
      if (step.hidden) {
        place_hidden(placed, step);
      } else if (event.is_arrival) {
        place_arrival(placed, step);
      } else {
        place_departure(placed, step);
      }
    }
    layout_.bottom = std::max({y_, free_[0], free_[1]}) + line_height;
    return std::move(layout_);
  }

 private:
  void pass(Duration time) {
    constexpr double height_of_distance = 26;
    constexpr double most = 60;
    if (is_pause(time, distance_)) {
      y_ = std::max({y_, free_[0] - line_height, free_[1] - line_height}) + 6;
      layout_.pauses.push_back({y_, time});
      y_ += pause_height;
      return;
    }
    y_ +=
        std::min(most, height_of_distance * static_cast<double>(time.count()) / static_cast<double>(distance_.count()));
  }

  void place_label(PlacedStep& placed, const Step& step, Side side) {
    double& free = free_[static_cast<std::size_t>(side)];
    y_ = std::max(y_, free);
    placed.step = &step;
    placed.label = label_of(step);
    placed.label_side = side;
    free = y_ + line_height * static_cast<double>(placed.label.size()) + 2;
  }

  void place_departure(PlacedStep& placed, const Step& step) {
    if (step.passage != Passage::from_afar) place_label(placed, step, step.from);
    placed.sent = y_;
  }

  void place_arrival(PlacedStep& placed, const Step& step) {
    constexpr double between_arrivals = 5;
    const Side side = analysis::other(step.from);
    double& last = last_arrival_[static_cast<std::size_t>(side)];
    if (step.passage != Passage::lost) y_ = std::max(y_, last + between_arrivals);
    if (step.passage == Passage::from_afar) place_label(placed, step, side);
    placed.arrived = y_;
    if (step.passage != Passage::lost) last = y_;
  }

  void place_hidden(PlacedStep& placed, const Step& step) {
    constexpr double height = 26;
    y_ = std::max({y_, free_[0], free_[1]});
    placed.step = &step;
    placed.sent = placed.arrived = y_ + height / 2 - line_height / 2;
    y_ += height;
    free_ = {y_ + line_height / 2, y_ + line_height / 2};
  }

  const Ladder& ladder_;
  Layout layout_;
  Duration distance_{};
  double y_;
  std::array<double, 2> free_;  // where the next label has room, on either side
  std::array<double, 2> last_arrival_;
};

}  // namespace

Layout lay_out(const Ladder& ladder, double top) { return Placer(ladder, top).place(); }

}  // namespace backstop::ladder
