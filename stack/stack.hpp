// The stack: many connections behind four verbs. It never does input or output; whoever drives it brings packets and
// the time (RFC 9293 section 3.9 in both directions: the user's calls and the lower level's).
//
//   stack.receive(packet, now);                     bytes in
//   while (auto p = stack.transmit(now)) send(*p);  bytes out
//   stack.next_deadline();                          when to come back if nothing arrives
//   while (auto e = stack.next_event()) ...         which handle has news
//
// Read next: poll.hpp, the loop body that all drivers share; core.hpp, what is behind it.
#pragma once

#include <expected>
#include <memory_resource>
#include <optional>
#include <span>

#include "stack/config.hpp"
#include "stack/event.hpp"
#include "stack/statistics.hpp"
#include "stack/stream.hpp"
#include "stack/syn_info.hpp"
#include "stack/tap.hpp"
#include "stack/wire/icmp.hpp"
#include "stack/wire/packet.hpp"

namespace backstop {

class Core;

/// What a connection's numbers begin with, for whoever must know them beforehand, as a replayed capture does. Absent:
/// numbers that nobody outside can guess (RFC 6528; RFC 7323 section 5.4). Nothing from the network sets them.
struct InitialNumbers {
  std::optional<SeqNum> isn{};
  std::optional<std::uint32_t> timestamp{};  ///< TSval at the moment of opening
};

struct ConnectOptions {
  /// Our end. Address 0.0.0.0: the stack's own; port 0: one that is free (RFC 6056).
  Endpoint local{};
  InitialNumbers numbers{};
  std::optional<ConnectionOptions> options{};  ///< absent: the stack's own, Config::tcp
};

/// One connection, for whoever looks at all of them.
struct ConnectionSnapshot {
  HandleId id;
  ConnectionInfo info;
};

class Stack {
 public:
  /// Takes all its memory from `memory`, which must outlive it. Throws what the resource throws, and
  /// std::invalid_argument for a configuration that cannot work.
  explicit Stack(const Config& config, std::pmr::memory_resource& memory = *std::pmr::get_default_resource());
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  /// One IPv4 packet has arrived.
  void receive(const InboundPacket& packet, Instant now);
  /// Places for a long packet's text in the receive queue, for a device that can read it there at once. They are kept
  /// until receive_landed() or release_landing(), one of which is the next call on the stack and its handles.
  [[nodiscard]] Landing landing();
  /// A packet whose octets were read into the landing() in order: of `packet.bytes` only the headers are set. Returns
  /// false when it is not the one that was likely: set the rest, from the landing, and give it to receive().
  bool receive_landed(const InboundPacket& packet, Instant now);
  /// No packet has come.
  void release_landing();
  /// The next packet to send, or nothing. Deadlines that have passed act here. Valid until the next call on the stack.
  std::optional<OutboundPacket> transmit(Instant now);
  /// When transmit() must be called although nothing arrives; `immediately` while it has something to send now.
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  /// The next handle that has news.
  std::optional<Event> next_event();
  /// Whether next_event() may have one.
  [[nodiscard]] bool has_events() const;

  /// Passive open on an address of ours, or on every address (0.0.0.0), and a port.
  /// Errors: connection_already_exists, insufficient_resources, local_unspecified.
  std::expected<Listener, Error> listen(Endpoint local, ListenOptions options = {});
  /// Active open: a SYN goes out with the next transmit().
  /// Errors: remote_unspecified, local_unspecified, connection_already_exists, insufficient_resources.
  std::expected<Stream, Error> connect(Endpoint remote, Instant now, ConnectOptions options = {});

  /// Attaches a raw-socket hook. At most Config::max_taps at a time: an empty Tap beyond that.
  Tap attach_tap(TapCallbacks callbacks, TapFlags flags = {});
  /// Answers an unmatched SYN with SYN,ACK: a half-open connection. Its `established` or `closed` event tells the rest.
  /// Errors: connection_already_exists (the tuple is taken by now), insufficient_resources.
  std::expected<Stream, Error> accept(const SynInfo& syn, Instant now, InitialNumbers numbers = {});
  /// Answers it with RST,ACK as if nobody were there.
  void refuse(const SynInfo& syn, Instant now);
  /// Answers it with ICMP destination unreachable.
  void unreachable(const SynInfo& syn, wire::UnreachableCode code, Instant now);
  /// Answers it with SYN,ACK and keeps nothing (RFC 4987): a tap's owner is asked again when the peer's ACK arrives.
  void answer_with_cookie(const SynInfo& syn, Instant now);

  /// ABORT by name, for whoever does not hold the Stream; it also ends connections whose Stream was let go and that are
  /// still closing. Does nothing when the connection is gone.
  void abort(HandleId connection);

  /// Where explicit listeners are, for whoever wants to look; precedence is decided per SYN, never from this.
  [[nodiscard]] std::span<const Endpoint> bound_tcp_ports() const;
  [[nodiscard]] const Statistics& statistics() const;
  [[nodiscard]] const Config& config() const;
  /// Connections that take a slot now, in any state.
  [[nodiscard]] std::uint32_t connections() const;
  /// The connection in a slot, from 0 to Config::max_connections - 1, if there is one; also one that was let go and is
  /// still closing.
  [[nodiscard]] std::optional<ConnectionSnapshot> connection_at(std::uint32_t slot) const;
  /// Blocks of the shared pool that hold text now.
  [[nodiscard]] std::uint32_t blocks_in_use() const;
  /// Memory for coroutine frames (stack/coroutine.hpp), Config::coroutine_memory octets of it.
  [[nodiscard]] std::pmr::memory_resource& frame_memory();

  /// Octets that a stack of this configuration takes from its memory resource, an upper bound.
  static std::size_t required_memory(const Config& config);

 private:
  friend class Stream;
  friend class Listener;
  friend class Tap;

  std::pmr::memory_resource& memory_;
  Core* core_;
};

}  // namespace backstop
