// What `log` does with a connection, as a honeypot does: it lets the visitor speak, keeps the first octets, and goes.
// Read next: journal.hpp, where they are written down.
#pragma once

#include <functional>
#include <string_view>

#include "stack/coroutine.hpp"
#include "tun/event_loop.hpp"

namespace backstop::tools {

/// Called once, with all that is kept of what the visitor said: perhaps nothing.
using RecordVisit = std::move_only_function<void(const FourTuple& tuple, std::string_view said)>;

inline constexpr std::size_t most_said = 256;  ///< octets that are kept

/// Listens until most_said octets have come, the visitor has no more, or a few seconds are over; then says goodbye. Who
/// does not go by the end of that time is reset.
Task log_visitor(Stream stream, tun::EventLoop& loop, RecordVisit record);

}  // namespace backstop::tools
