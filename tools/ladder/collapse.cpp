// Leaves out what a reader would pass over: hundreds of segments of a transfer that goes well.
#include <algorithm>
#include <iterator>

#include "tools/ladder/ladder.hpp"
#include "tools/page/markup.hpp"

namespace backstop::ladder {
namespace {

bool stands_out(const Step& step) {
  return step.kind != Kind::plain || step.passage != Passage::whole || !step.marks.empty() ||
         step.segment.starts_with("[ce]");
}

using Steps = std::vector<Step>;
using Range = std::pair<Steps::const_iterator, Steps::const_iterator>;

void count(Hidden& hidden, const Step& step) {
  if (step.hidden) {
    for (std::size_t i = 0; i < 2; ++i) {
      hidden.segments[i] += step.hidden->segments[i];
      hidden.octets[i] += step.hidden->octets[i];
    }
    hidden.marked += step.hidden->marked;
    return;
  }
  const auto side = static_cast<std::size_t>(step.from);
  ++hidden.segments[side];
  hidden.octets[side] += step.text_size;
  if (stands_out(step)) ++hidden.marked;
}

Step hidden_step(Range range) {
  Step step;
  step.time = range.first->time;
  step.sent = range.first->sent;
  step.hidden.emplace();
  for (auto at = range.first; at != range.second; ++at) count(*step.hidden, *at);
  return step;
}

// All steps but `head` at the front and `tail` at the back become one.
void hide_middle(Steps& to, Range range, std::ptrdiff_t head, std::ptrdiff_t tail) {
  const auto [begin, end] = range;
  constexpr std::ptrdiff_t least_hidden = 8;
  if (end - begin < head + tail + least_hidden) {
    to.insert(to.end(), begin, end);
    return;
  }
  to.insert(to.end(), begin, begin + head);
  to.push_back(hidden_step({begin + head, end - tail}));
  to.insert(to.end(), end - tail, end);
}

}  // namespace

void collapse(Ladder& ladder) {
  constexpr std::ptrdiff_t around_events = 4;
  constexpr std::ptrdiff_t most_steps = 400;
  Steps shorter;
  const Steps& steps = ladder.steps;
  for (auto at = steps.begin(); at != steps.end();) {
    const auto end = std::find_if(at, steps.end(), stands_out);
    hide_middle(shorter, {at, end}, around_events, around_events);
    at = std::find_if_not(end, steps.end(), stands_out);
    shorter.insert(shorter.end(), end, at);
  }
  ladder.steps.clear();
  hide_middle(ladder.steps, {shorter.begin(), shorter.end()}, most_steps * 2 / 3, most_steps / 3);
}

std::string to_string(const Hidden& hidden) {
  constexpr std::array names{"client", "server"};
  std::string text;
  for (std::size_t i = 0; i < 2; ++i) {
    if (hidden.segments[i] == 0) continue;
    text += (text.empty() ? "" : "; ") + page::counted(hidden.segments[i], "segment");
    if (hidden.octets[i] > 0) text += ", " + page::counted(hidden.octets[i], "octet");
    text += std::string(" from the ") + names[i];
  }
  if (hidden.marked > 0) text += "; " + page::grouped(hidden.marked) + " of them marked";
  return text;
}

}  // namespace backstop::ladder
