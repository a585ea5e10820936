// Why a fallback handler and not a listener for each port, made when it is asked for: the same connections both ways,
// side by side.
// Read next: story.hpp, what else the handler does.
#pragma once

#include <ostream>

#include "tools/demo/stage.hpp"

namespace backstop::tools {

/// Connects to ports nobody listens on, first where each gets a listener when its first SYN has been seen, then where a
/// fallback handler answers that SYN, and prints both connect times. False when a connection was not served, or the
/// SYNs seen are not those that the two ways need.
bool play_comparison(Stage& stage, std::ostream& out);

}  // namespace backstop::tools
