// A stack's many idle connections, without stacks at their other ends: handshakes are played with packets made here.
#pragma once

#include <cstdint>
#include <vector>

#include "stack/stack.hpp"
#include "stack/wire/segment.hpp"

namespace backstop::tools::bench {

class Crowd {
 public:
  /// `size` established connections to a listener that is made for them. The stack must have nothing else to send.
  Crowd(Stack& stack, std::uint32_t size, Instant now);

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(next_.size()); }
  /// Brings the stack a segment of a member's: an acknowledgment without text.
  void speak(std::uint32_t member, Instant now);

 private:
  static constexpr std::uint16_t port = 6;

  void join(std::uint32_t member, Instant now);
  wire::Segment segment(std::uint32_t member, wire::Flags flags) const;
  void bring(std::uint32_t member, const wire::Segment& segment, Instant now);

  Stack& stack_;
  std::vector<SeqNum> next_;  ///< what the stack sends next on each
  Listener listener_;
  std::vector<Stream> streams_;
};

}  // namespace backstop::tools::bench
