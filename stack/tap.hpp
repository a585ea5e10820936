// The raw-socket hook: see every valid inbound TCP segment, and decide about SYNs that nobody listens for.
// While a tap that suppresses RSTs lives, an unmatched SYN is left to its owner; when it is gone, the plain
// fail-closed RST (RFC 9293 section 3.10.7.1) is back. Strays other than a SYN always get their RST.
// Read next: stack.hpp (attach_tap, accept, refuse, unreachable, answer_with_cookie), then fallback/manager.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "stack/syn_info.hpp"
#include "stack/wire/segment.hpp"

namespace backstop {

class Stack;

struct TapCallbacks {
  // Each may be empty.
  /// Every valid inbound segment, before demultiplexing: a copy to look at, with no say. While somebody looks, no
  /// header is predicted.
  std::move_only_function<void(const wire::Ipv4Header&, const wire::Segment&, Instant now)> segment;
  /// A SYN that matched neither connection nor listener. The owner answers now or later, or never. And one that was
  /// answered with a cookie, when the peer's ACK has brought that back and matched neither (SynInfo::cookie): whoever
  /// is accepted then is established at once.
  std::move_only_function<void(const SynInfo&, Instant now)> unmatched_syn;
  /// A RST that matched no connection: whoever had its SYN may think no more of it.
  std::move_only_function<void(const FourTuple&, SeqNum seq, Instant now)> unmatched_reset = {};

  [[nodiscard]] bool any() const { return segment || unmatched_syn || unmatched_reset; }
};

struct TapFlags {
  /// Leave unmatched SYNs to `unmatched_syn` instead of answering them with RST.
  bool suppress_rst = false;
};

/// Keeps the hook attached for as long as it lives. Move-only; the stack must outlive it.
class Tap {
 public:
  Tap() = default;
  Tap(Tap&& other) noexcept : stack_(std::exchange(other.stack_, nullptr)), id_(other.id_) {}
  Tap& operator=(Tap&& other) noexcept;
  ~Tap() { detach(); }

  void detach();
  [[nodiscard]] bool attached() const { return stack_ != nullptr; }

 private:
  friend class Stack;
  Tap(Stack& stack, std::uint32_t id) : stack_(&stack), id_(id) {}

  Stack* stack_ = nullptr;
  std::uint32_t id_ = 0;
};

}  // namespace backstop
