// Steps of a ladder out of packets of a capture. Read next: build.cpp.
#pragma once

#include "tools/ladder/ladder.hpp"

namespace backstop::ladder {

/// The step of one packet, without its times and numbers.
Step step_of(const analysis::Conversation& conversation, const analysis::Record& record);

}  // namespace backstop::ladder
