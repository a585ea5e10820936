// What is below the stack of `backstop serve`: the TUN device, the capture of what passes it, and the faults that were
// asked for, in this order, so that a capture shows what the other end saw.
#pragma once

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

  /// Where a stack belongs.
  [[nodiscard]] tun::Device& top();
  [[nodiscard]] const tun::TunDevice& device() const { return device_; }
  [[nodiscard]] std::optional<FaultSummary> faults() const;

 private:
  tun::TunDevice device_;
  std::optional<tun::PcapWriter> writer_;
  std::optional<tun::PcapDevice> capture_;
  std::optional<tun::FaultInjector> injector_;
};

}  // namespace backstop::tools
