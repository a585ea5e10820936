#include "tools/bench/crowd.hpp"

#include <array>

#include "tools/bench/case.hpp"

namespace backstop::tools::bench {
namespace {

// Members differ in their addresses, and the ports run too, as those of many hosts do.
Ipv4Address address_of(std::uint32_t member) { return {0x0b00'0000 + member / 4}; }
std::uint16_t port_of(std::uint32_t member) { return static_cast<std::uint16_t>(1024 + member % 50'000); }

}  // namespace

Crowd::Crowd(Stack& stack, std::uint32_t size, Instant now) : stack_(stack) {
  if (size == 0) return;
  auto listener = stack.listen({{}, port});
  require(listener.has_value(), "the crowd's port is taken");
  listener_ = std::move(*listener);
  next_.reserve(size);
  streams_.reserve(size);
  for (std::uint32_t member = 0; member < size; ++member) join(member, now);
  while (stack_.next_event()) {
  }
}

void Crowd::join(std::uint32_t member, Instant now) {
  next_.emplace_back();
  wire::Segment syn = segment(member, wire::Flag::syn);
  syn.options.mss = std::uint16_t{1460};
  syn.options.window_scale = std::uint8_t{7};
  syn.options.sack_permitted = true;
  bring(member, syn, now);
  const auto answer = stack_.transmit(now);
  require(answer.has_value(), "a SYN is not answered");
  const auto datagram = wire::parse_ipv4(answer->headers);
  const auto syn_ack = wire::parse_segment(*datagram, {.checksum_partial = true});
  require(syn_ack && syn_ack->syn() && syn_ack->has_ack(), "a SYN is not answered with SYN,ACK");
  next_.back() = syn_ack->seq + 1;
  speak(member, now);
  auto stream = listener_.accept();
  require(stream.has_value(), "a member of the crowd was not let in");
  streams_.push_back(std::move(*stream));
}

void Crowd::speak(std::uint32_t member, Instant now) {
  wire::Segment ack = segment(member, wire::Flag::ack);
  ack.seq += 1;
  ack.ack = next_[member];
  bring(member, ack, now);
  require(!stack_.transmit(now), "an acknowledgment was answered");
}

wire::Segment Crowd::segment(std::uint32_t member, wire::Flags flags) const {
  return {.source_port = port_of(member),
          .destination_port = port,
          .seq = SeqNum{member},
          .flags = flags,
          .window = 0xffff};
}

void Crowd::bring(std::uint32_t member, const wire::Segment& segment, Instant now) {
  std::array<std::byte, wire::max_headers_size> packet;
  const wire::Ipv4Header ip{.source = address_of(member), .destination = stack_.config().address};
  const std::size_t size = wire::emit_segment(ip, segment, {}, wire::ChecksumKind::partial, packet);
  stack_.receive({.bytes = Bytes{packet}.first(size), .offload = {.checksum_partial = true}}, now);
}

}  // namespace backstop::tools::bench
