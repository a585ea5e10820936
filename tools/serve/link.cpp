#include "tools/serve/link.hpp"

namespace backstop::tools {
namespace {

tun::TunOptions device_options(const ServeOptions& options) {
  return {.name = options.device,
          .network_namespace = {},
          .host_address = options.host_address,
          .mtu = options.mtu,
          // Faults are for packets of a wire's size, one at a time.
          .offload = options.faults ? tun::OffloadMode::off : options.offload};
}

}  // namespace

Link::Link(const ServeOptions& options) : device_(device_options(options)) {
  if (!options.capture.empty()) {
    writer_.emplace(options.capture);
    capture_.emplace(device_, *writer_);
  }
  if (options.faults) injector_.emplace(capture_ ? static_cast<tun::Device&>(*capture_) : device_, *options.faults);
}

tun::Device& Link::top() {
  if (injector_) return *injector_;
  if (capture_) return *capture_;
  return device_;
}

std::optional<FaultSummary> Link::faults() const {
  if (!injector_) return std::nullopt;
  return FaultSummary{injector_->inbound(), injector_->outbound()};
}

}  // namespace backstop::tools
