// A wire in memory with a device at each end: what one sends, the other receives. For demonstrations without root, for
// tests and for benches. It takes its memory in the constructor, and belongs to one thread.
// Read next: fault_injector.hpp, which makes it a bad wire.
#pragma once

#include <memory>

#include "tun/device.hpp"

namespace backstop::tun {

struct MemoryWireOptions {
  std::uint16_t mtu = 1500;    ///< octets
  std::size_t capacity = 512;  ///< packets under way in each direction; more are dropped, as a full queue does
  /// What both ends offer. With segmentation a packet crosses uncut, and arrives as one long segment.
  OffloadCapabilities offload;
};

class MemoryWire {
 public:
  explicit MemoryWire(const MemoryWireOptions& options = {});

  [[nodiscard]] Device& left() { return left_; }
  [[nodiscard]] Device& right() { return right_; }

  /// Packets that found no room, or were larger than the wire.
  [[nodiscard]] std::uint64_t dropped() const { return to_left_.dropped() + to_right_.dropped(); }

 private:
  /// One direction: a ring of slots that hold a packet each.
  class Queue {
   public:
    Queue(std::size_t capacity, std::size_t slot_size);
    void push(const OutboundPacket& packet);
    /// The oldest packet. It keeps its slot until the next pop().
    std::optional<InboundPacket> pop();
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

   private:
    struct Slot {
      std::size_t size = 0;
      Offload offload;
    };
    [[nodiscard]] MutableBytes bytes_of(std::size_t slot) { return {memory_.get() + slot * slot_size_, slot_size_}; }

    std::size_t capacity_;
    std::size_t slot_size_;
    std::unique_ptr<Slot[]> slots_;
    std::unique_ptr<std::byte[]> memory_;
    std::size_t first_ = 0;  ///< slot of the oldest packet
    std::size_t count_ = 0;  ///< packets in the ring
    bool on_loan_ = false;   ///< the oldest one was handed out by pop()
    std::uint64_t dropped_ = 0;
  };

  class End final : public Device {
   public:
    End(Queue& in, Queue& out, const MemoryWireOptions& options) : in_(in), out_(out), options_(options) {}
    std::optional<InboundPacket> receive() override { return in_.pop(); }
    void send(const OutboundPacket& packet) override { out_.push(packet); }
    [[nodiscard]] std::uint16_t mtu() const override { return options_.mtu; }
    [[nodiscard]] OffloadCapabilities offload() const override { return options_.offload; }

   private:
    Queue& in_;
    Queue& out_;
    MemoryWireOptions options_;
  };

  Queue to_left_;
  Queue to_right_;
  End left_;
  End right_;
};

}  // namespace backstop::tun
