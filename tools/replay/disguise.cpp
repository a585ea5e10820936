#include "tools/replay/disguise.hpp"

#include "stack/wire/ipv4.hpp"

namespace backstop::replay {
namespace {

// RFC 1624: the checksum after a 32-bit number under it has changed. Keeps a right one right and a wrong one wrong.
void update_checksum(MutableBytes packet, std::size_t offset, std::uint32_t before, std::uint32_t after) {
  std::uint32_t sum = static_cast<std::uint16_t>(~wire::load16(packet, offset));
  sum += (~before >> 16) + (~before & 0xffff) + (after >> 16) + (after & 0xffff);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  wire::store16(packet, offset, static_cast<std::uint16_t>(~sum));
}

}  // namespace

std::optional<Disguise> Disguise::for_flow(const FourTuple& tuple) {
  const Ipv4Address local = tuple.local.address;
  const Ipv4Address remote = tuple.remote.address;
  if (!local.is_loopback() && !remote.is_loopback() && local != remote) return std::nullopt;
  return Disguise(tuple);
}

void Disguise::exchange(MutableBytes packet, Ipv4Address source, Ipv4Address destination) {
  constexpr std::size_t ip_checksum = 10, tcp_checksum = 16;
  constexpr std::size_t places[] = {12, 16};
  const std::uint32_t addresses[] = {source.value, destination.value};
  const std::size_t header_size = std::size_t{wire::load8(packet, 0) & 0xfu} * 4;
  for (const int i : {0, 1}) {
    const std::uint32_t before = wire::load32(packet, places[i]);
    wire::store32(packet, places[i], addresses[i]);
    update_checksum(packet, ip_checksum, before, addresses[i]);
    if (packet.size() >= header_size + tcp_checksum + 2) {
      update_checksum(packet, header_size + tcp_checksum, before, addresses[i]);
    }
  }
}

}  // namespace backstop::replay
