// Everything that `backstop bench` can measure, a function for each file that makes some of it.
// Read next: probes.cpp for the limits, bulk.cpp and small.cpp for the stack.
#pragma once

#include <vector>

#include "tools/bench/case.hpp"

namespace backstop::tools::bench {

using Catalogue = std::vector<Case>;

void add_probes(Catalogue& catalogue);    ///< what the machine can do
void add_bulk(Catalogue& catalogue);      ///< long transfers
void add_small(Catalogue& catalogue);     ///< round trips and short connections
void add_crowds(Catalogue& catalogue);    ///< many connections, and what an idle one takes
void add_timers(Catalogue& catalogue);    ///< the timer wheel
void add_fallback(Catalogue& catalogue);  ///< a listener's port against a fallback's

[[nodiscard]] Catalogue catalogue();

}  // namespace backstop::tools::bench
