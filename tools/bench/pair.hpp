// Two stacks joined in memory, in one thread and in virtual time: what one transmits, the other receives at once.
// Every packet is copied once in between, as any device would.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <utility>

#include "stack/stack.hpp"

namespace backstop::tools::bench {

/// The text of a full segment at an MTU of 1500, with timestamps.
inline constexpr std::size_t segment_text = 1448;
/// What the applications write from and read into, in turns.
inline constexpr std::size_t application_octets = 64 << 10;

inline constexpr Ipv4Address client_address{0x0a00'0001};
inline constexpr Ipv4Address server_address{0x0a00'0002};

struct PairOptions {
  /// In software, on both sides: the wire sums what it copies, the receiver what it reads. False: the wire vouches.
  bool checksums = true;
  std::uint32_t max_connections = 16'384;
};

/// The configuration of one side.
Config configuration(Ipv4Address address, const PairOptions& options = {});

/// Octets copied together on their way from one stack to the other.
class Wire {
 public:
  explicit Wire(bool checksums) : checksums_(checksums) {}

  /// Carries up to a burst of packets. Returns whether there was one.
  bool carry(Stack& from, Stack& to, Instant now);

 private:
  bool checksums_;
  alignas(64) std::array<std::byte, 2048> packet_;
};

class Pair {
 public:
  explicit Pair(const PairOptions& options = {});

  Stack& client() { return client_; }
  Stack& server() { return server_; }
  [[nodiscard]] Instant now() const { return now_; }

  /// Time goes on by a microsecond.
  void tick() { now_ += std::chrono::microseconds{1}; }
  bool to_server() { return wire_.carry(client_, server_, now_); }
  bool to_client() { return wire_.carry(server_, client_, now_); }
  /// Both ways until nobody has anything to say.
  void settle();

  /// A connection to `port`, where `listener` listens: the client's end, and the server's.
  std::pair<Stream, Stream> connect(Listener& listener);

 private:
  Instant now_{std::chrono::seconds{1}};
  Stack client_;
  Stack server_;
  Wire wire_;
};

}  // namespace backstop::tools::bench
