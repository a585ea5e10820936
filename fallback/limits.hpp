// Bounds on flows in flight. A flow takes its place when a handler claims it (accepts or defers), and gives it back
// when it is refused after all, when its handshake fails, or when the task of its connection handler has ended. Read
// next: manager.hpp.
#pragma once

#include <cstdint>

namespace backstop {

/// What becomes of a claimed flow for which there is no place.
enum class OverLimit : std::uint8_t {
  reset,        ///< it gets RST, as if nobody had claimed it
  drop,         ///< it gets silence: its peer tries again by itself, perhaps with better luck
  shed_oldest,  ///< it is served, and the oldest flow that is not established yet gets RST; if there is none, as reset
};

inline constexpr std::uint32_t unlimited = 0xffff'ffff;

struct Limit {
  std::uint32_t max = unlimited;
  OverLimit policy = OverLimit::reset;
};

struct HandlerOptions {
  /// Higher ones are asked first; among equals, who came first.
  int priority = 0;
  Limit limit{};       ///< of the handler's flows in flight
  Limit per_source{};  ///< of those, of one source address
};

}  // namespace backstop
