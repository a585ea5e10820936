#include "tools/analysis/round_trips.hpp"

#include <algorithm>
#include <deque>

namespace backstop::analysis {

std::vector<RoundTrip> round_trips(const Conversation& conversation, Side sender) {
  struct InFlight {
    Offset end;
    Instant sent;
    bool again;
  };
  std::vector<RoundTrip> samples;
  std::deque<InFlight> in_flight;
  Offset edge = 0;
  for (const Record& record : conversation.records) {
    if (!record.is_segment || record.checksum_wrong) continue;
    if (record.from == sender) {
      if (record.end() <= record.place.seq) continue;
      const bool again = record.place.seq < edge;
      if (again) {
        for (InFlight& segment : in_flight) segment.again |= record.place.seq < segment.end;
      }
      if (record.end() > edge) in_flight.push_back({record.end(), record.time, again});
      edge = std::max(edge, record.end());
    } else if (record.segment.has_ack()) {
      std::optional<RoundTrip> sample;
      for (; !in_flight.empty() && in_flight.front().end <= record.place.ack; in_flight.pop_front()) {
        const InFlight& segment = in_flight.front();
        sample = segment.again ? std::nullopt : std::optional{RoundTrip{record.time, record.time - segment.sent}};
      }
      if (sample) samples.push_back(*sample);
    }
  }
  return samples;
}

std::optional<Duration> shortest_round_trip(const Conversation& conversation, Side sender) {
  const auto samples = round_trips(conversation, sender);
  const auto shortest = std::ranges::min_element(samples, {}, &RoundTrip::time);
  return shortest == samples.end() ? std::nullopt : std::optional{shortest->time};
}

}  // namespace backstop::analysis
