// What happened to which handle: events tell a user's loop (or the coroutine executor) where to look.
// Read next: stack.hpp, next_event().
#pragma once

#include <cstdint>

#include "stack/tcp/readiness.hpp"

namespace backstop {

/// Names a connection or listener for as long as it lives: a slot, and the generation of what sits in it.
struct HandleId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  ///< 0: names nothing
  bool is_listener = false;

  friend bool operator==(const HandleId&, const HandleId&) = default;
};

struct Event {
  HandleId id;
  Readiness what;
};

}  // namespace backstop
