// Captures: what passes a device, both ways, written as tcpdump and Wireshark read it (the pcap file format as
// draft-ietf-opsawg-pcap describes it): nanosecond times, LINKTYPE_RAW, every packet on the disk at once.
// An offloaded packet is written as the one long segment that it is here, with its checksum finished in the copy.
// Read next: device.hpp.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "tun/device.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::tun {

/// A capture file. Any thread may write to it.
class PcapWriter {
 public:
  /// Nanoseconds since 1970.
  using WallClock = std::function<std::int64_t()>;

  /// Makes or overwrites the file at `path`; "-" is standard output. Throws std::system_error.
  explicit PcapWriter(const std::string& path, WallClock clock = wall_clock);

  /// Writes one packet, in one system call as long as the other end takes it. Waits on a pipe that is full.
  /// Throws std::system_error when the disk is full or the reader has gone.
  void write(const OutboundPacket& packet);
  void write(const InboundPacket& packet);

  static std::int64_t wall_clock();

 private:
  void write_record(Bytes front, std::span<const Bytes> text, bool checksum_partial);
  void write_all(std::span<const Bytes> pieces);

  std::string path_;
  WallClock clock_;
  std::mutex mutex_;     ///< one packet at a time, in the order of their times
  FileDescriptor file_;  ///< empty for standard output
};

/// A device that writes all that passes another one.
class PcapDevice final : public Device {
 public:
  PcapDevice(Device& inner, PcapWriter& writer) : inner_(inner), writer_(writer) {}

  std::optional<InboundPacket> receive() override;
  void send(const OutboundPacket& packet) override;
  [[nodiscard]] int fd() const override { return inner_.fd(); }
  [[nodiscard]] std::uint16_t mtu() const override { return inner_.mtu(); }
  [[nodiscard]] OffloadCapabilities offload() const override { return inner_.offload(); }

 private:
  Device& inner_;
  PcapWriter& writer_;
};

}  // namespace backstop::tun
