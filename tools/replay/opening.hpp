// How a flow began on the captured host's side, found out from its first packets: that decides what our stack is told
// to do. Until it is known, packets are gathered; a capture can be read ahead, a network cannot.
// Read next: flow.hpp.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "tools/capture/packet_reader.hpp"
#include "tools/replay/player.hpp"

namespace backstop::replay {

/// A captured packet of one flow. `segment` is absent when the TCP header makes no sense.
struct FlowPacket {
  const capture::Packet& captured;
  std::optional<wire::Segment> segment;
  bool from_host = false;
};

/// The same, with the octets kept.
class StoredPacket {
 public:
  explicit StoredPacket(const FlowPacket& packet);
  StoredPacket(StoredPacket&&) = default;
  StoredPacket& operator=(StoredPacket&&) = default;
  StoredPacket(const StoredPacket&) = delete;
  StoredPacket& operator=(const StoredPacket&) = delete;
  ~StoredPacket() = default;

  [[nodiscard]] FlowPacket packet() const;
  [[nodiscard]] bool from_host() const { return from_host_; }
  void move_to(Instant time) { captured_.time = time; }
  [[nodiscard]] Instant time() const { return captured_.time; }

 private:
  capture::Packet captured_;
  std::vector<std::byte> octets_;
  bool from_host_ = false;
};

/// The host's part in the flow between the ends of `tuple`, or nothing as long as the packets do not tell, or why it
/// cannot be played. Puts the packets in an order in which they can be played. `at_end`: no more packets will come.
std::expected<std::optional<Part>, std::string> find_part(std::vector<StoredPacket>& packets, const FourTuple& tuple,
                                                          bool at_end);

}  // namespace backstop::replay
