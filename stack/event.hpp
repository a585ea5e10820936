// What happened to which handle: events tell a user's loop (or the coroutine executor) where to look.
// Read next: stack.hpp, next_event().
#pragma once

#include <cstdint>

namespace backstop {

/// Names a connection or listener for as long as it lives: a slot, and the generation of what sits in it.
struct HandleId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  ///< 0: names nothing
  bool is_listener = false;

  friend bool operator==(const HandleId&, const HandleId&) = default;
};

/// A set of things that may have changed since the last event of the same handle.
struct Readiness {
  bool established : 1 = false;  ///< the handshake ended well
  bool readable : 1 = false;     ///< text, the end of text, or an error is there to read
  bool writable : 1 = false;     ///< there is room again, or an error
  bool closed : 1 = false;       ///< the connection is gone: orderly, reset, refused or timed out
  bool acceptable : 1 = false;   ///< a listener has a connection to accept

  [[nodiscard]] bool any() const { return established || readable || writable || closed || acceptable; }
};

struct Event {
  HandleId id;
  Readiness what;
};

}  // namespace backstop
