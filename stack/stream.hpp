// Handles: what a user holds of a connection and of a listener. Move-only values of stack, slot and generation, so that
// a stale one gets an error and never somebody else's connection. No call waits; would_block says "later".
// Read next: stack.hpp; coroutine.hpp for calls that wait.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <utility>

#include "stack/event.hpp"
#include "stack/tcp/connection_options.hpp"
#include "stack/tcp/error.hpp"
#include "stack/tcp/info.hpp"
#include "stack/wire/bytes.hpp"

namespace backstop {

class Stack;

namespace tcp {
struct Tcb;
}

/// One end of a connection (RFC 9293 section 3.9.1). Destroying it is CLOSE, or ABORT when text was left unread
/// (RFC 2525 section 2.17).
class Stream {
 public:
  Stream() = default;
  Stream(Stream&& other) noexcept : stack_(std::exchange(other.stack_, nullptr)), id_(other.id_) {}
  Stream& operator=(Stream&& other) noexcept;
  ~Stream() {
    if (stack_ != nullptr) reset();
  }

  /// RECEIVE: moves up to buffer.size() octets of text. 0 (for a buffer that is not empty) is the end of text: the peer
  /// sent FIN. Errors: would_block, or what ended the connection.
  std::expected<std::size_t, Error> read(MutableBytes buffer);
  /// SEND: takes as much of `text` as there is room for and returns how much. Errors: would_block when there is no
  /// room, connection_closing after close(), or what ended the connection.
  std::expected<std::size_t, Error> write(Bytes text);
  /// The same, and what was taken is urgent, with all text before it (RFC 9293 section 3.8.5): the peer is told at once
  /// that it is on its way, even when its window is closed. Not for new protocols (SHLD-13).
  std::expected<std::size_t, Error> write_urgent(Bytes text);

  /// Text that can be read in place: the first piece of it. Empty piece: end of text. Errors as read().
  std::expected<Bytes, Error> peek();
  /// Takes `size` octets, at most what peek() showed, off the front.
  void consume(std::size_t size);
  /// Room to write text in place, a piece of it; commit() sends what was written there. Errors as write().
  std::expected<MutableBytes, Error> write_space();
  void commit(std::size_t size);

  /// CLOSE: no more text from us; what was written is still sent, then FIN. Reading goes on. Closing twice is an error.
  std::expected<void, Error> close();
  /// ABORT: RST to the peer, queued text is lost.
  void abort();
  /// Lets the handle go as the destructor does.
  void reset();

  [[nodiscard]] ConnectionOptions options() const;
  /// Takes effect at once, but for what both SYNs have settled. Error: insufficient_resources, when more than
  /// Config::max_option_sets sets are in use that differ.
  std::expected<void, Error> set_options(const ConnectionOptions& options);
  /// Nagle's algorithm off (true) or on: the option that is set most.
  std::expected<void, Error> set_no_delay(bool no_delay);

  [[nodiscard]] State state() const;
  [[nodiscard]] ConnectionInfo info() const;
  [[nodiscard]] Endpoint local() const;
  [[nodiscard]] Endpoint remote() const;
  [[nodiscard]] HandleId id() const { return id_; }
  [[nodiscard]] Stack* stack() const { return stack_; }
  explicit operator bool() const { return stack_ != nullptr; }

 private:
  friend class Stack;
  friend class Listener;
  Stream(Stack& stack, HandleId id) : stack_(&stack), id_(id) {}
  [[nodiscard]] tcp::Tcb* connection() const;

  Stack* stack_ = nullptr;
  HandleId id_;
};

struct ListenOptions {
  /// Connections that may wait for accept(); when so many do, SYNs are dropped, and who is half-open stays that. As
  /// many may be half-open; further SYNs are answered with cookies (RFC 4987).
  std::uint32_t backlog = 1024;
  /// What its connections begin with; absent: the stack's own, Config::tcp.
  std::optional<ConnectionOptions> connections{};
};

/// A passive open (RFC 9293 section 3.9.1.1). Destroying it resets the connections that nobody accepted.
class Listener {
 public:
  Listener() = default;
  Listener(Listener&& other) noexcept : stack_(std::exchange(other.stack_, nullptr)), id_(other.id_) {}
  Listener& operator=(Listener&& other) noexcept;
  ~Listener() { reset(); }

  /// The oldest established connection that nobody accepted yet; would_block when there is none.
  std::expected<Stream, Error> accept();
  void reset();

  /// Whether accept() would find one.
  [[nodiscard]] bool has_pending() const;
  [[nodiscard]] Endpoint local() const;
  [[nodiscard]] HandleId id() const { return id_; }
  [[nodiscard]] Stack* stack() const { return stack_; }
  explicit operator bool() const { return stack_ != nullptr; }

 private:
  friend class Stack;
  Listener(Stack& stack, HandleId id) : stack_(&stack), id_(id) {}

  Stack* stack_ = nullptr;
  HandleId id_;
};

}  // namespace backstop
