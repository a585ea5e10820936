#include "tools/demo/recorder.hpp"

#include "stack/wire/segment.hpp"

namespace backstop::tools {

Recorder::Recorder(tun::Device& inner, Now now)
    : inner_(inner), now_(std::move(now)), transcript_(now_(), {.addresses = true}) {}

std::optional<InboundPacket> Recorder::receive() {
  const auto packet = inner_.receive();
  if (packet) note(notation::Direction::in, *packet);
  return packet;
}

void Recorder::send(const OutboundPacket& packet) {
  std::vector<std::byte> whole(packet.headers.begin(), packet.headers.end());
  for (const Bytes piece : packet.text) whole.insert(whole.end(), piece.begin(), piece.end());
  note(notation::Direction::out, {whole, packet.offload});
  inner_.send(packet);
}

void Recorder::note(notation::Direction direction, const InboundPacket& packet) {
  const std::lock_guard lock(mutex_);
  transcript_.packet(direction, packet, now_());
  count(direction, packet.bytes, packet.offload);
}

void Recorder::count(notation::Direction direction, Bytes packet, Offload offload) {
  const auto datagram = wire::parse_ipv4(packet);
  if (!datagram || datagram->header.protocol != wire::protocol_tcp) return;
  const auto segment = wire::parse_segment(*datagram, offload);
  if (!segment) return;
  const bool inbound = direction == notation::Direction::in;
  Seen& seen = seen_[inbound ? segment->destination_port : segment->source_port];
  if (inbound && segment->syn() && !segment->has_ack()) ++seen.syns;
  if (!inbound && segment->syn() && segment->has_ack()) ++seen.syn_acks;
  if (!inbound && segment->rst()) ++seen.resets;
}

Seen Recorder::seen(std::uint16_t port) const {
  const std::lock_guard lock(mutex_);
  const auto found = seen_.find(port);
  return found == seen_.end() ? Seen{} : found->second;
}

std::vector<std::string> Recorder::take_lines() {
  const std::lock_guard lock(mutex_);
  const auto& lines = transcript_.lines();
  std::vector<std::string> fresh(lines.begin() + static_cast<std::ptrdiff_t>(taken_), lines.end());
  taken_ = lines.size();
  return fresh;
}

}  // namespace backstop::tools
