// A device wrapper that makes a good link bad: it loses, duplicates, corrupts and reorders packets, each direction for
// itself. The same seed and the same packets meet the same faults.
// Read next: device.hpp; pcap_writer.hpp, to see on either side of it what it did.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "tun/device.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::tun {

/// How likely each fault is for a packet, from 0 to 1. They are independent, but for a lost packet there is no other.
struct Faults {
  double loss = 0;
  double duplication = 0;
  double corruption = 0;  ///< one bit is turned over
  double reordering = 0;  ///< the packet is held back
  /// A packet that is held back goes on after 1 to this many later ones, or when no more come.
  std::uint32_t reorder_distance = 8;
};

struct FaultOptions {
  Faults inbound;
  Faults outbound;
  std::uint64_t seed = 1;
};

struct FaultCounters {
  std::uint64_t packets = 0;  ///< that came in to be spoiled
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t reordered = 0;
};

/// A stack above it must not use offload for what it sends (offload() says so): segments are lost one at a time.
class FaultInjector final : public Device {
 public:
  /// Throws std::system_error.
  FaultInjector(Device& inner, const FaultOptions& options);

  std::optional<InboundPacket> receive() override;
  void send(const OutboundPacket& packet) override;
  /// Readable also while a packet that has arrived is held back, so that nobody sleeps on it.
  [[nodiscard]] int fd() const override { return ready_ ? ready_.get() : inner_.fd(); }
  [[nodiscard]] std::uint16_t mtu() const override { return inner_.mtu(); }

  [[nodiscard]] const FaultCounters& inbound() const { return inbound_.counters(); }
  [[nodiscard]] const FaultCounters& outbound() const { return outbound_.counters(); }

 private:
  struct Packet {
    std::vector<std::byte> bytes;
    Offload offload;
    std::uint32_t distance = 0;  ///< packets that still go before it
  };

  /// One direction: packets go in, and come out of `out` in the order in which they are to go on.
  class Lane {
   public:
    Lane(const Faults& faults, std::uint64_t seed) : faults_(faults), state_(seed) {}
    void push(Packet packet);
    std::optional<Packet> pop();
    /// No more packets come: those held back go on.
    void release_all();
    /// Whether it keeps something that release_all() and pop() would give.
    [[nodiscard]] bool keeps() const { return !held_.empty() || !out_.empty(); }
    [[nodiscard]] const FaultCounters& counters() const { return counters_; }

   private:
    std::uint64_t random();
    bool chance(double probability);
    void corrupt(Packet& packet, std::uint64_t bit);
    void pass(Packet packet);

    Faults faults_;
    std::uint64_t state_;
    FaultCounters counters_;
    std::deque<Packet> out_;
    std::vector<Packet> held_;
  };

  void send_all();
  void show_readiness();

  Device& inner_;
  Lane inbound_;
  Lane outbound_;
  Packet current_;        ///< what receive() last returned
  FileDescriptor keeps_;  ///< eventfd: readable while a lane keeps packets
  FileDescriptor ready_;  ///< epoll of the inner descriptor and of keeps_
  bool shown_ = false;    ///< what keeps_ says
};

}  // namespace backstop::tun
