// How long text took to be acknowledged, seen from where it was captured.
// Read next: conversation.hpp.
#pragma once

#include <optional>
#include <vector>

#include "tools/analysis/conversation.hpp"

namespace backstop::analysis {

struct RoundTrip {
  Instant acked{};
  Duration time{};
};

/// One for each segment of `sender` that was acknowledged, SYN and FIN as well; none for segments that were sent more
/// than once, since nobody knows which of them the acknowledgment is for (RFC 6298 section 3, Karn's algorithm).
std::vector<RoundTrip> round_trips(const Conversation& conversation, Side sender);

/// The shortest, or nothing when there is none.
std::optional<Duration> shortest_round_trip(const Conversation& conversation, Side sender);

}  // namespace backstop::analysis
