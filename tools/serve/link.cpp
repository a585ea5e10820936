#include "tools/serve/link.hpp"

namespace backstop::tools {
namespace {

tun::TunOptions device_options(const ServeOptions& options) {
  return {.name = options.device,
          .network_namespace = {},
          .host_address = options.host_address,
          .mtu = options.mtu,
          // Faults are for packets of a wire's size, one at a time.
          .offload = options.faults ? tun::OffloadMode::off : options.offload,
          .several_queues = options.queues > 1};
}

}  // namespace

Link::Link(const ServeOptions& options) : device_(std::make_unique<tun::TunDevice>(device_options(options))) {
  if (!options.capture.empty()) writer_ = std::make_shared<tun::PcapWriter>(options.capture);
  wrap(options, 0);
}

Link::Link(const ServeOptions& options, const Link& first, unsigned number)
    : device_(first.device_->further_queue()), writer_(first.writer_) {
  wrap(options, number);
}

void Link::wrap(const ServeOptions& options, unsigned number) {
  if (writer_) capture_.emplace(*device_, *writer_);
  if (options.faults) {
    tun::FaultOptions faults = *options.faults;
    faults.seed += number;
    injector_.emplace(top(), faults);
  }
  if (options.queues > 1) sharing_.emplace(top());
}

tun::Device& Link::top() {
  if (sharing_) return *sharing_;
  if (injector_) return *injector_;
  if (capture_) return *capture_;
  return *device_;
}

std::optional<FaultSummary> Link::faults() const {
  if (!injector_) return std::nullopt;
  return FaultSummary{injector_->inbound(), injector_->outbound()};
}

}  // namespace backstop::tools
