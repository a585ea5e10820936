// What carries packets between a stack and the world. A TUN device is one, so is an in-memory wire, and so is a wrapper
// that writes, spoils or counts what another device carries. backstop::poll (stack/poll.hpp) moves packets between a
// stack and any of them.
// Read next: tun_device.hpp for the real thing, memory_wire.hpp for the smallest one, event_loop.hpp for who drives it.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/stack.hpp"

namespace backstop::tun {

/// What a device does for outbound packets. It may hand in the same, whether or not it offers it here.
struct OffloadCapabilities {
  bool checksum = false;           ///< finishes partial TCP checksums
  std::uint32_t segmentation = 0;  ///< octets of text of the largest packet that it cuts into segments; 0: none

  friend bool operator==(const OffloadCapabilities&, const OffloadCapabilities&) = default;
};

class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  /// The next packet that has arrived, or nothing. Its bytes are valid until the next receive(). Never waits.
  /// Throws std::system_error when the device is gone.
  virtual std::optional<InboundPacket> receive() = 0;
  /// Gives the next packet that has arrived to `stack`, and returns its size in octets, or nothing. A device that reads
  /// by itself where text belongs (Stack::landing) has a way of its own to do it.
  virtual std::optional<std::size_t> deliver(Stack& stack, Instant now) {
    const auto packet = receive();
    if (!packet) return std::nullopt;
    stack.receive(*packet, now);
    return packet->bytes.size();
  }
  /// Sends one packet, or counts it as dropped when there is no room for it. Never waits.
  virtual void send(const OutboundPacket& packet) = 0;
  /// Readable while receive() has something; -1 for a device that nothing can wait for.
  [[nodiscard]] virtual int fd() const { return -1; }
  /// Octets of the largest packet that goes through without being cut.
  [[nodiscard]] virtual std::uint16_t mtu() const = 0;
  [[nodiscard]] virtual OffloadCapabilities offload() const { return {}; }
};

/// Writes what `device` can carry into a stack's configuration.
inline void fit(Config& config, const Device& device) {
  const OffloadCapabilities offload = device.offload();
  config.mtu = device.mtu();
  config.checksum_offload = offload.checksum;
  config.segmentation_offload = offload.segmentation;
}

}  // namespace backstop::tun
