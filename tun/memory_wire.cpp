#include "tun/memory_wire.hpp"

#include "stack/wire/ipv4.hpp"
#include "tun/packet_copy.hpp"

namespace backstop::tun {
namespace {

std::size_t slot_size(const MemoryWireOptions& options) {
  return options.offload.segmentation > 0 ? wire::max_datagram_size : options.mtu;
}

}  // namespace

MemoryWire::MemoryWire(const MemoryWireOptions& options)
    : to_left_(options.capacity, slot_size(options)),
      to_right_(options.capacity, slot_size(options)),
      left_(to_left_, to_right_, options),
      right_(to_right_, to_left_, options) {}

// One slot more than the capacity, for the packet that the receiver is still looking at.
MemoryWire::Queue::Queue(std::size_t capacity, std::size_t slot_size)
    : capacity_(capacity + 1),
      slot_size_(slot_size),
      slots_(std::make_unique<Slot[]>(capacity_)),
      memory_(std::make_unique_for_overwrite<std::byte[]>(capacity_ * slot_size)) {}

void MemoryWire::Queue::push(const OutboundPacket& packet) {
  const std::size_t size = packet.size();
  const std::size_t waiting = count_ - (on_loan_ ? 1 : 0);
  if (size > slot_size_ || waiting + 1 == capacity_) {
    ++dropped_;
    return;
  }
  const std::size_t at = first_ + count_ < capacity_ ? first_ + count_ : first_ + count_ - capacity_;
  copy_packet(packet, bytes_of(at));
  slots_[at] = {size, packet.offload};
  ++count_;
}

std::optional<InboundPacket> MemoryWire::Queue::pop() {
  if (on_loan_) {
    first_ = first_ + 1 == capacity_ ? 0 : first_ + 1;
    --count_;
    on_loan_ = false;
  }
  if (count_ == 0) return std::nullopt;
  on_loan_ = true;
  return InboundPacket{bytes_of(first_).first(slots_[first_].size), slots_[first_].offload};
}

}  // namespace backstop::tun
