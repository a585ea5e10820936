// What is below the stack of `backstop serve`: the TUN device, the capture of what passes it, and the faults that were
// asked for, in this order, so that a capture shows what the other end saw. A device of several queues has a link for
// each; the capture is the same.
#pragma once

#include <memory>
#include <optional>

#include "tools/serve/options.hpp"
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

 private:
  void wrap(const ServeOptions& options, unsigned number);

  std::unique_ptr<tun::TunDevice> device_;
  std::shared_ptr<tun::PcapWriter> writer_;
  std::optional<tun::PcapDevice> capture_;
  std::optional<tun::FaultInjector> injector_;
};

}  // namespace backstop::tools
