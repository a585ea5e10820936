// The demo's story: five things that the fallback manager does, each shown by a client and proven by the packets.
#pragma once

#include <ostream>

#include "tools/demo/stage.hpp"

namespace backstop::tools {

/// Plays it, and prints what was seen. False when something that it claims did not happen.
bool play_story(Stage& stage, std::ostream& out);

}  // namespace backstop::tools
