#include "tools/replay/followers.hpp"

#include <thread>

#include "tools/json.hpp"
#include "tools/notation/transcript.hpp"

namespace backstop::replay {

void CaptureWriter::follow(const PlayedPacket& packet) {
  time_ = packet.time;
  // As it was captured: a checksum that was left to a network card stays what it was.
  writer_.write(InboundPacket{packet.packet.bytes, {}});
}

void JsonPackets::follow(const PlayedPacket& played) {
  if (const auto datagram = wire::parse_ipv4(played.packet.bytes)) {
    const auto segment = wire::parse_segment(*datagram, played.packet.offload);
    if (segment) origins_.learn(datagram->header.source, datagram->header.destination, *segment);
  }
  tools::JsonObject object;
  object.add("event", "packet").add("flow", played.flow);
  if (played.number > 0) object.add("number", played.number);
  object.add_seconds("time", played.time.time_since_epoch().count());
  object.add("from", played.actor == Actor::us ? "us" : "peer");
  object.add("line", std::string_view(notation::describe(played.packet, origins_)));
  out_ << object.text() << std::endl;
}

void Pace::follow(const PlayedPacket& packet) {
  if (!first_) {
    first_ = packet.time;
    began_ = Clock::now();
  }
  const std::chrono::duration<double, std::nano> since_first = (packet.time - *first_) / speed_;
  std::this_thread::sleep_until(began_ + std::chrono::duration_cast<Clock::duration>(since_first));
}

}  // namespace backstop::replay
