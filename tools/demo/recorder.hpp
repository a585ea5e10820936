// What the demo looks at to prove what it says: every packet that passes a device, as a transcript and as counts.
// Read next: stage.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tools/notation/transcript.hpp"
#include "tun/device.hpp"

namespace backstop::tools {

/// Segments that passed to and from one port of ours.
struct Seen {
  int syns = 0;      ///< without ACK: a retransmitted one is a second one
  int syn_acks = 0;  ///< from us
  int resets = 0;    ///< from us
};

/// May be asked on another thread than the one that drives the device.
class Recorder final : public tun::Device {
 public:
  using Now = std::function<Instant()>;
  Recorder(tun::Device& inner, Now now);

  std::optional<InboundPacket> receive() override;
  void send(const OutboundPacket& packet) override;
  [[nodiscard]] int fd() const override { return inner_.fd(); }
  [[nodiscard]] std::uint16_t mtu() const override { return inner_.mtu(); }
  [[nodiscard]] tun::OffloadCapabilities offload() const override { return inner_.offload(); }

  [[nodiscard]] Seen seen(std::uint16_t port) const;
  /// The lines of the transcript since the last call.
  std::vector<std::string> take_lines();

 private:
  void note(notation::Direction direction, const InboundPacket& packet);
  void count(notation::Direction direction, Bytes packet, Offload offload);

  tun::Device& inner_;
  Now now_;
  mutable std::mutex mutex_;  // of all below
  notation::Transcript transcript_;
  std::size_t taken_ = 0;
  std::map<std::uint16_t, Seen> seen_;
};

}  // namespace backstop::tools
