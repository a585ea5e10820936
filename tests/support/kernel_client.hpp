// The kernel's own sockets as clients of a stack: for tests that put a real TCP at the other end. Every call is bounded
// in time, and none throws for what the network does.
// Read next: netns.hpp, where to use it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "stack/tcp/time.hpp"
#include "stack/wire/address.hpp"
#include "stack/wire/bytes.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::test {

/// What became of a connect(2).
struct Connection {
  tun::FileDescriptor socket;  ///< connected and non-blocking when error is 0
  int error = 0;               ///< ECONNREFUSED, ETIMEDOUT ...; ETIMEDOUT also when `limit` passed
  Duration time{};             ///< from the call to the answer
};
Connection connect_to(const Endpoint& to, Duration limit = std::chrono::seconds{10});

/// What is to go through a connection, both ways at once.
struct TransferPlan {
  std::uint64_t send = 0;  ///< octets of test text (packets.hpp), then FIN
  /// Whether octets that came are right where they came. Without it: whatever comes is.
  std::function<bool(std::uint64_t offset, Bytes)> is_right;
  /// Stop after that many octets. Without it: at the end of text.
  std::optional<std::uint64_t> receive;
  Duration limit = std::chrono::seconds{60};
};
struct Transferred {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  bool right = true;   ///< all that came
  bool ended = false;  ///< the peer's FIN came
  bool timed_out = false;
  int error = 0;  ///< ECONNRESET ...
};
Transferred transfer(const tun::FileDescriptor& socket, const TransferPlan& plan);

/// Whether the socket becomes readable (or is closed, or fails) within `limit`.
bool wait_readable(const tun::FileDescriptor& socket, Duration limit);

/// Sends a UDP datagram and waits for what ICMP says to it: the error of the socket, or nothing when none comes.
std::optional<int> udp_error(const Endpoint& to, Duration limit = std::chrono::seconds{10});

/// Sends an ICMP echo request with `size` octets and waits for the reply. Nothing when none comes, or not the same
/// octets.
std::optional<Duration> ping(Ipv4Address to, std::size_t size, Duration limit = std::chrono::seconds{10});

}  // namespace backstop::test
