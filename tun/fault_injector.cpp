#include "tun/fault_injector.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <iterator>

#include "tun/packet_copy.hpp"

namespace backstop::tun {
namespace {

void add(const FileDescriptor& epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  checked(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

}  // namespace

FaultInjector::FaultInjector(Device& inner, const FaultOptions& options)
    : inner_(inner), inbound_(options.inbound, options.seed), outbound_(options.outbound, ~options.seed) {
  if (inner.fd() < 0) return;
  keeps_ = FileDescriptor(checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd"));
  ready_ = FileDescriptor(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  add(ready_, inner.fd());
  add(ready_, keeps_.get());
}

std::optional<InboundPacket> FaultInjector::receive() {
  auto next = inbound_.pop();
  while (!next) {
    if (const auto packet = inner_.receive()) {
      inbound_.push({{packet->bytes.begin(), packet->bytes.end()}, packet->offload});
    } else if (inbound_.keeps()) {
      inbound_.release_all();
    } else {
      break;
    }
    next = inbound_.pop();
  }
  if (!next) {
    outbound_.release_all();
    send_all();
  }
  show_readiness();
  if (!next) return std::nullopt;
  current_ = std::move(*next);
  return InboundPacket{current_.bytes, current_.offload};
}

void FaultInjector::send(const OutboundPacket& packet) {
  assert(packet.offload == Offload{});
  Packet copy{std::vector<std::byte>(packet.size()), {}};
  copy_packet(packet, copy.bytes);
  outbound_.push(std::move(copy));
  send_all();
  show_readiness();
}

void FaultInjector::send_all() {
  while (const auto packet = outbound_.pop()) inner_.send({.headers = packet->bytes, .text = {}, .offload = {}});
}

// A driver that waits on fd() must come back for what is kept, as no packet may ever push it out.
void FaultInjector::show_readiness() {
  const bool keeps = inbound_.keeps() || outbound_.keeps();
  if (!keeps_ || keeps == shown_) return;
  std::uint64_t value = 1;
  [[maybe_unused]] const auto size =
      keeps ? ::write(keeps_.get(), &value, sizeof(value)) : ::read(keeps_.get(), &value, sizeof(value));
  shown_ = keeps;
}

// Every packet draws the same number of times, so that changing one fault's likelihood leaves the others where they
// were.
void FaultInjector::Lane::push(Packet packet) {
  ++counters_.packets;
  const bool lose = chance(faults_.loss);
  const bool duplicate = chance(faults_.duplication);
  const bool spoil = chance(faults_.corruption);
  const bool hold = chance(faults_.reordering);
  const auto distance = static_cast<std::uint32_t>(random() % std::max(faults_.reorder_distance, 1u)) + 1;
  const std::uint64_t bit = random();
  if (lose) {
    ++counters_.lost;
    return;
  }
  if (duplicate) {
    ++counters_.duplicated;
    pass(packet);
  }
  if (spoil) corrupt(packet, bit);
  if (hold) {
    ++counters_.reordered;
    packet.distance = distance;
    held_.push_back(std::move(packet));
  } else {
    pass(std::move(packet));
  }
}

/// Lets a packet go on, and whatever was held back until it.
void FaultInjector::Lane::pass(Packet packet) {
  out_.push_back(std::move(packet));
  for (Packet& held : held_) {
    if (--held.distance == 0) out_.push_back(std::move(held));
  }
  std::erase_if(held_, [](const Packet& held) { return held.distance == 0; });
}

void FaultInjector::Lane::release_all() {
  std::ranges::move(held_, std::back_inserter(out_));
  held_.clear();
}

std::optional<FaultInjector::Packet> FaultInjector::Lane::pop() {
  if (out_.empty()) return std::nullopt;
  Packet packet = std::move(out_.front());
  out_.pop_front();
  return packet;
}

void FaultInjector::Lane::corrupt(Packet& packet, std::uint64_t bit) {
  if (packet.bytes.empty()) return;
  ++counters_.corrupted;
  // Its receiver must be able to tell, and nobody looks at a checksum that is not finished.
  if (packet.offload.checksum_partial) finish_checksum(packet.bytes, {});
  packet.offload.checksum_partial = false;
  packet.bytes[bit / 8 % packet.bytes.size()] ^= std::byte{1} << (bit % 8);
}

// SplitMix64: a counter and a mix of it, the same on every machine.
std::uint64_t FaultInjector::Lane::random() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

bool FaultInjector::Lane::chance(double probability) {
  return static_cast<double>(random() >> 11) * 0x1p-53 < probability;
}

}  // namespace backstop::tun
