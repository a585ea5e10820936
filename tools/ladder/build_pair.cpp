// Ladders from two captures: each packet is looked for at the other end.
#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "tools/ladder/ladder.hpp"
#include "tools/ladder/steps.hpp"
#include "tools/page/markup.hpp"

namespace backstop::ladder {
namespace {

using analysis::Conversation;
using analysis::Record;

// What stays the same of a packet on its way.
using Identity = std::tuple<Side, std::uint16_t, std::uint32_t, std::uint32_t, std::uint8_t, std::uint32_t,
                            std::uint16_t, std::uint32_t, std::string>;

Identity identity_of(const Record& record) {
  const wire::Segment& segment = record.segment;
  const std::uint32_t timestamp = segment.options.timestamps ? segment.options.timestamps->value : 0;
  return {record.from,      record.ip.id,   segment.seq.value(), segment.ack.value(), segment.flags.bits(),
          record.text_size, segment.window, timestamp,           record.words};
}

// A packet as the two captures have it: of those that left, where they arrived.
struct Journey {
  const Record* left = nullptr;
  const Record* arrived = nullptr;
  bool is_copy = false;
};

// What `receiver` captured of each packet, in order.
using Arrivals = std::map<Identity, std::vector<const Record*>>;

Arrivals arrivals_at(const Conversation& receiver, Side from) {
  Arrivals arrivals;
  for (const Record& record : receiver.records) {
    if (record.from == from) arrivals[identity_of(record)].push_back(&record);
  }
  for (auto& [identity, records] : arrivals) std::ranges::reverse(records);
  return arrivals;
}

// The journeys of what `from` sent, from its own capture to the other's.
void add_journeys(std::vector<Journey>& journeys, const Conversation& sender, const Conversation& receiver, Side from) {
  Arrivals arrivals = arrivals_at(receiver, from);
  std::map<Identity, const Record*> last_sent;
  for (const Record& record : sender.records) {
    if (record.from != from) continue;
    auto& waiting = arrivals[identity_of(record)];
    const Record* arrived = waiting.empty() ? nullptr : waiting.back();
    if (arrived != nullptr) waiting.pop_back();
    journeys.push_back({&record, arrived});
    last_sent[identity_of(record)] = &record;
  }
  for (const auto& [identity, waiting] : arrivals) {
    const auto sent = last_sent.find(identity);
    for (const Record* record : waiting) {
      journeys.push_back({sent == last_sent.end() ? nullptr : sent->second, record, sent != last_sent.end()});
    }
  }
}

// How far the server's clock is ahead of the client's, as far as it must be: nothing may arrive before it leaves. Then
// both ways are taken to be equally long.
Duration clock_difference(const std::vector<Journey>& journeys) {
  std::optional<Duration> shortest_to_server;
  std::optional<Duration> shortest_to_client;
  for (const Journey& journey : journeys) {
    if (journey.left == nullptr || journey.arrived == nullptr) continue;
    auto& shortest = journey.left->from == Side::client ? shortest_to_server : shortest_to_client;
    const Duration time = journey.arrived->time - journey.left->time;
    shortest = std::min(shortest.value_or(time), time);
  }
  const Duration to_server = shortest_to_server.value_or(Duration::zero());
  const Duration to_client = shortest_to_client.value_or(Duration::zero());
  if (to_server >= Duration::zero() && to_client >= Duration::zero()) return Duration::zero();
  return (to_server - to_client) / 2;
}

class Pairing {
 public:
  Pairing(const Conversation& at_client, const Conversation& at_server) : at_client_(at_client), at_server_(at_server) {
    add_journeys(journeys_, at_client, at_server, Side::client);
    add_journeys(journeys_, at_server, at_client, Side::server);
    ahead_ = clock_difference(journeys_);
  }

  Ladder ladder() {
    Ladder ladder = build(at_client_);
    ladder.notes.clear();
    ladder.two_captures = true;
    ladder.steps.clear();
    ladder.distance = shortest_passage();
    for (const Journey& journey : journeys_) ladder.steps.push_back(step(journey, ladder.distance));
    std::ranges::stable_sort(ladder.steps, {}, &Step::sent);
    if (!ladder.steps.empty()) ladder.start = ladder.steps.front().sent;
    add_notes(ladder);
    return ladder;
  }

 private:
  [[nodiscard]] Instant at_end(Side end, Instant time) const { return end == Side::server ? time - ahead_ : time; }

  [[nodiscard]] Duration shortest_passage() const {
    std::optional<Duration> shortest;
    for (const Journey& journey : journeys_) {
      if (journey.left == nullptr || journey.arrived == nullptr) continue;
      const Side from = journey.left->from;
      const Duration time = at_end(other(from), journey.arrived->time) - at_end(from, journey.left->time);
      shortest = std::min(shortest.value_or(time), time);
    }
    return shortest.value_or(Duration::zero());
  }

  [[nodiscard]] Step step(const Journey& journey, Duration distance) const {
    const Record& record = journey.left != nullptr && !journey.is_copy ? *journey.left : *journey.arrived;
    const Side from = record.from;
    const bool as_sent = &record == journey.left;
    const Conversation& conversation = (from == Side::client) == as_sent ? at_client_ : at_server_;
    Step step = step_of(conversation, record);
    if (journey.left != nullptr) step.time = step.sent = at_end(from, journey.left->time);
    if (journey.arrived != nullptr) step.arrived = at_end(other(from), journey.arrived->time);
    if (journey.left == nullptr) {
      step.passage = Passage::from_afar;
      step.sent = step.arrived - distance / 2;
      step.time = step.arrived;
    } else if (journey.arrived == nullptr) {
      step.passage = Passage::lost;
      step.arrived = step.sent + distance;
    } else if (journey.is_copy) {
      step.passage = Passage::twice;
      step.kind = Kind::plain;  // What the receiver makes of the copy says nothing about who sent it.
      step.marks.clear();
    }
    if (journey.left != nullptr) number_at(step, from) = journey.left->number;
    if (journey.arrived != nullptr) number_at(step, other(from)) = journey.arrived->number;
    return step;
  }

  static std::uint64_t& number_at(Step& step, Side side) {
    return side == Side::client ? step.client_number : step.server_number;
  }

  void add_notes(Ladder& ladder) const {
    const auto lost = std::ranges::count(ladder.steps, Passage::lost, &Step::passage);
    const auto copies = std::ranges::count(ladder.steps, Passage::twice, &Step::passage);
    std::string note = "captured at both hosts: " + page::counted(static_cast<std::uint64_t>(lost), "packet") + " lost";
    if (copies > 0) note += ", " + std::to_string(copies) + " delivered twice";
    ladder.notes.push_back(note + ", shortest way " + text_of(ladder.distance));
    if (ahead_ == Duration::zero()) return;
    ladder.notes.push_back("the server's clock was moved by " + text_of(-ahead_) +
                           ", so that both ways are equally long at their shortest");
  }

  static std::string text_of(Duration time) { return page::duration_text(std::chrono::duration<double>(time).count()); }

  const Conversation& at_client_;
  const Conversation& at_server_;
  std::vector<Journey> journeys_;
  Duration ahead_{};
};

}  // namespace

Ladder build(const Conversation& at_client, const Conversation& at_server) {
  return Pairing(at_client, at_server).ladder();
}

}  // namespace backstop::ladder
