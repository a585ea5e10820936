// Packets for a stack of several queues that only one of them gets. The kernel keeps a flow on its queue, but of some
// packets it cannot tell the flow: an ICMP error is a packet of its own, and only the first of a segment's fragments
// has the ports. It sees the addresses, and they come in on whichever queue those fall to. So each queue shows such
// packets to the others, for whoever has the flow. Read next: link.hpp, whose top it is.
#pragma once

#include <functional>

#include "tun/device.hpp"

namespace backstop::tools {

/// Whether it is IPv4 with an ICMP message that quotes a packet (about one that was sent, and never to be answered), or
/// with a fragment of a TCP segment.
bool is_of_any_queue(Bytes packet);

/// A device that shows each packet of that kind which comes in to somebody. So all are read in one piece.
class PacketSharing final : public tun::Device {
 public:
  using Show = std::function<void(Bytes packet)>;

  explicit PacketSharing(tun::Device& inner) : inner_(inner) {}
  void show_to(Show show) { show_ = std::move(show); }

  std::optional<InboundPacket> receive() override {
    const auto packet = inner_.receive();
    if (packet && show_ && is_of_any_queue(packet->bytes)) show_(packet->bytes);
    return packet;
  }
  void send(const OutboundPacket& packet) override { inner_.send(packet); }
  [[nodiscard]] int fd() const override { return inner_.fd(); }
  [[nodiscard]] std::uint16_t mtu() const override { return inner_.mtu(); }
  [[nodiscard]] tun::OffloadCapabilities offload() const override { return inner_.offload(); }

 private:
  tun::Device& inner_;
  Show show_;
};

}  // namespace backstop::tools
