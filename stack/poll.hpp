// The loop body that every driver shares: take a burst, acknowledge it once (RFC 9293 MUST-58, MUST-59), then send.
#pragma once

#include "stack/stack.hpp"

namespace backstop {

// A device has `std::optional<InboundPacket> receive()` and `void send(const OutboundPacket&)`.

/// Packets taken before answers are sent. Why: enough to share one ACK, few enough that answers do not wait.
inline constexpr int longest_burst = 64;

/// Brings packets that have arrived to the stack, at most a burst of them. Returns whether there was one.
template <class Device>
bool receive_burst(Stack& stack, Device& device, Instant now) {
  int taken = 0;
  for (; taken < longest_burst; ++taken) {
    const auto packet = device.receive();
    if (!packet) break;
    stack.receive(*packet, now);
  }
  return taken > 0;
}

/// Sends all that the stack has to send. Returns whether there was something.
template <class Device>
bool transmit_all(Stack& stack, Device& device, Instant now) {
  bool sent = false;
  while (const auto packet = stack.transmit(now)) {
    device.send(*packet);
    sent = true;
  }
  return sent;
}

/// Both, in this order. Returns whether a packet was moved.
template <class Device>
bool poll(Stack& stack, Device& device, Instant now) {
  const bool received = receive_burst(stack, device, now);
  return transmit_all(stack, device, now) || received;
}

}  // namespace backstop
