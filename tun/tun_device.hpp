// A Linux TUN device: the kernel routes packets to it, and we read them (Linux, Documentation/networking/tuntap.rst).
// It is made here, or attached to when it exists; with checksum and segmentation offload where the kernel has them.
// Read next: vnet_header.hpp for offload, event_loop.hpp for who waits on it.
#pragma once

#include <memory>
#include <string>

#include "tun/bursts.hpp"
#include "tun/device.hpp"
#include "tun/file_descriptor.hpp"
#include "tun/interface.hpp"
#include "tun/receive_thread.hpp"

namespace backstop::tun {

enum class OffloadMode : std::uint8_t {
  automatic,  ///< use what the kernel has
  off,        ///< one packet at a time, whole checksums
};

struct TunOptions {
  std::string name;               ///< of the device; made when there is none
  std::string network_namespace;  ///< under /run/netns; empty: where the caller is
  /// The host's address on the device. A device that has another one already is an error.
  std::optional<InterfaceAddress> host_address;
  /// Octets. Without one: what the kernel gives (1500), or what the device has.
  std::optional<std::uint16_t> mtu;
  OffloadMode offload = OffloadMode::automatic;
  bool several_queues = false;  ///< further_queue() will be called
};

/// What became of packets. `dropped_*` ones were lost here, as on any link.
struct TunCounters {
  std::uint64_t received = 0;
  std::uint64_t received_in_place = 0;  ///< of these, whose text was read straight into a receive queue
  std::uint64_t sent = 0;
  std::uint64_t dropped_no_room = 0;    ///< the kernel took no more
  std::uint64_t dropped_link_down = 0;  ///< the interface is not up
  std::uint64_t dropped_refused = 0;    ///< not a packet that the kernel takes
  std::uint64_t dropped_inbound = 0;    ///< an inbound one whose offload header made no sense
};

/// One queue of a device; mostly its only one.
class TunDevice final : public Device {
 public:
  /// Attaches to the device, or makes it; sets address, MTU and link. A device made here has no queueing discipline and
  /// vanishes with this object; one that was there stays, and keeps an address and a link that it had.
  /// Throws std::system_error naming the call and the device, and leaves nothing behind.
  explicit TunDevice(const TunOptions& options);
  ~TunDevice() override;

  /// Another queue of this device. The kernel spreads flows over all queues, and keeps each where it was answered
  /// last. Call it in the network namespace of the device, before anybody receives.
  [[nodiscard]] std::unique_ptr<TunDevice> further_queue() const;

  std::optional<InboundPacket> receive() override;
  std::optional<std::size_t> deliver(Stack& stack, Instant now) override;
  void send(const OutboundPacket& packet) override;
  [[nodiscard]] int fd() const override { return fd_.get(); }
  [[nodiscard]] std::uint16_t mtu() const override { return mtu_; }
  [[nodiscard]] OffloadCapabilities offload() const override;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// The host's address as it was when we attached.
  [[nodiscard]] std::optional<InterfaceAddress> host_address() const { return host_address_; }
  /// Whether it was there before us, and will be after.
  [[nodiscard]] bool existed() const { return existed_; }
  [[nodiscard]] const TunCounters& counters() const { return counters_; }

 private:
  explicit TunDevice(const TunDevice* first);
  void open(const TunOptions& options);
  void configure(Interface& interface, const TunOptions& options);
  template <class Read>
  std::optional<InboundPacket> read_packet(Read read);
  std::optional<InboundPacket> receive_into(const Landing& landing);
  void gather(const Landing& landing, std::size_t size);
  void count_sent(std::size_t size);
  void count_failed_send(int error);

  FileDescriptor fd_;
  std::string name_;
  std::optional<InterfaceAddress> host_address_;
  std::uint16_t mtu_ = 0;
  bool existed_ = false;
  bool is_first_ = true;
  bool vnet_ = false;             ///< a virtio_net_hdr goes before every packet
  short flags_ = 0;               ///< of IFF_MULTI_QUEUE, IFF_VNET_HDR and IFF_NAPI, those that are in force
  ReceiveThread receive_thread_;  ///< in use while a stream is sent in packets of the MTU
  SentStream stream_;
  TunCounters counters_;
  std::unique_ptr<std::byte[]> buffer_;  ///< of the packet that receive() last returned
};

}  // namespace backstop::tun
