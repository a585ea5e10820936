#include "tools/serve/packet_sharing.hpp"

#include "stack/wire/icmp.hpp"
#include "stack/wire/ipv4.hpp"

namespace backstop::tools {
namespace {

bool is_icmp_error(Bytes packet) {
  const std::size_t header = (wire::load8(packet, 0) & 0xfu) * 4u;
  if (packet.size() <= header) return false;
  switch (wire::IcmpType{wire::load8(packet, header)}) {
    case wire::IcmpType::destination_unreachable:
    case wire::IcmpType::time_exceeded:
    case wire::IcmpType::parameter_problem:
      return true;
    default:
      return false;
  }
}

bool is_fragment(Bytes packet) {
  constexpr std::uint16_t more_fragments_or_offset = 0x3fff;
  return (wire::load16(packet, 6) & more_fragments_or_offset) != 0;
}

}  // namespace

bool is_of_any_queue(Bytes packet) {
  if (packet.size() < wire::ipv4_header_size) return false;
  switch (wire::load8(packet, 9)) {
    case wire::protocol_icmp:
      return is_icmp_error(packet);
    case wire::protocol_tcp:
      return is_fragment(packet);
    default:
      return false;
  }
}

}  // namespace backstop::tools
