// What is drawn of a connection over time: sequence numbers, windows, round trips, text in flight, throughput.
// Read next: chart.hpp, how it is drawn.
#pragma once

#include <cstdint>

#include "tools/analysis/conversation.hpp"
#include "tools/plot/chart.hpp"

namespace backstop::plot {

enum class Kind : std::uint8_t { time_sequence, window, rtt, cwnd, throughput };

/// About what `sender` sent.
Chart make_chart(Kind kind, const analysis::Conversation& conversation, analysis::Side sender);

/// Who sent more text.
analysis::Side busier_side(const analysis::Conversation& conversation);

}  // namespace backstop::plot
