#include "tools/serve/error_sharing.hpp"

#include "stack/wire/icmp.hpp"
#include "stack/wire/ipv4.hpp"

namespace backstop::tools {

bool is_icmp_error(Bytes packet) {
  if (packet.size() < wire::ipv4_header_size || wire::load8(packet, 9) != wire::protocol_icmp) return false;
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

}  // namespace backstop::tools
