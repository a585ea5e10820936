// What is below the stack of `backstop serve`: the TUN device, the capture of what passes it, the faults that were
// asked for, in this order, so that a capture shows what the other end saw. A device of several queues has a link for
// each, on top of which some packets are shared; the capture is the same.
#pragma once

#include <memory>
#include <optional>

#include "tools/serve/options.hpp"
#include "tools/serve/packet_sharing.hpp"
#include "tools/serve/report.hpp"
#include "tun/fault_injector.hpp"
#include "tun/pcap_writer.hpp"
#include "tun/tun_device.hpp"

namespace backstop::tools {

class Link {
 public:
  /// Throws std::system_error.
  explicit Link(const ServeOptions& options);
  /// Of another queue of the same device. `number` tells its faults from those of the others.
  Link(const ServeOptions& options, const Link& first, unsigned number);

  /// Where a stack belongs.
  [[nodiscard]] tun::Device& top();
  [[nodiscard]] const tun::TunDevice& device() const { return *device_; }
  [[nodiscard]] std::optional<FaultSummary> faults() const;
  /// Of a device of several queues: has packets that may be another queue's shown to somebody.
  void share_packets(PacketSharing::Show show) { sharing_->show_to(std::move(show)); }

 private:
  void wrap(const ServeOptions& options, unsigned number);

  std::unique_ptr<tun::TunDevice> device_;
  std::shared_ptr<tun::PcapWriter> writer_;
  std::optional<tun::PcapDevice> capture_;
  std::optional<tun::FaultInjector> injector_;
  std::optional<PacketSharing> sharing_;
};

}  // namespace backstop::tools
