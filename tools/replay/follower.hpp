// Whoever follows a replay while it runs, packet by packet: a capture is written, lines of JSON are printed, time is
// made to pass. Read next: flow.hpp, which tells of the packets.
#pragma once

#include <cstdint>

#include "stack/wire/packet.hpp"
#include "tools/replay/story.hpp"

namespace backstop::replay {

/// A packet that reaches our stack or leaves it.
struct PlayedPacket {
  std::uint32_t flow = 0;    ///< its number in the capture
  std::uint64_t number = 0;  ///< of the packet in the capture; 0: not from there
  Actor actor = Actor::peer;
  Instant time{};
  InboundPacket packet;
};

class Follower {
 public:
  virtual ~Follower() = default;
  /// The packets of the next capture will come.
  virtual void begin_capture() = 0;
  virtual void follow(const PlayedPacket& packet) = 0;

 protected:
  Follower() = default;
  Follower(const Follower&) = default;
  Follower& operator=(const Follower&) = default;
};

}  // namespace backstop::replay
