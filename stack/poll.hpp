// The loop body that every driver shares: take a burst, acknowledge it once (RFC 9293 MUST-58, MUST-59), then send.
#pragma once

#include "stack/stack.hpp"

namespace backstop {

/// Moves packets between `device` and `stack` until neither has more, or a burst has been taken.
/// A device has `std::optional<InboundPacket> receive()` and `void send(const OutboundPacket&)`.
/// Returns whether a packet was moved.
template <class Device>
bool poll(Stack& stack, Device& device, Instant now) {
  constexpr int burst = 64;  // Why: enough to share one ACK, few enough that answers do not wait.
  bool moved = false;
  for (int taken = 0; taken < burst; ++taken) {
    const auto packet = device.receive();
    if (!packet) break;
    stack.receive(*packet, now);
    moved = true;
  }
  while (const auto packet = stack.transmit(now)) {
    device.send(*packet);
    moved = true;
  }
  return moved;
}

}  // namespace backstop
