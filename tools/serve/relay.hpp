// Carries bytes between a connection of ours and a socket of the host's, both ways at once: what one side does not take
// is not read from the other, an end of text is passed on as one, and so is a reset.
// Read next: dial.hpp, where the socket comes from.
#pragma once

#include "stack/coroutine.hpp"
#include "tun/event_loop.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::tools {

/// Relays until both directions have ended. `upstream` is connected and non-blocking; `loop` must drive the executor.
Task relay(Stream client, tun::EventLoop& loop, tun::FileDescriptor upstream);

}  // namespace backstop::tools
