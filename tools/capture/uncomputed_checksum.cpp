#include "tools/capture/uncomputed_checksum.hpp"

#include "stack/wire/checksum.hpp"

namespace backstop::capture {

bool is_uncomputed_checksum(const wire::Ipv4Datagram& datagram) {
  constexpr std::size_t checksum_offset = 16;
  if (datagram.payload.size() < checksum_offset + 2) return false;
  const std::uint16_t found = wire::load16(datagram.payload, checksum_offset);
  const auto sum = [&](std::size_t size) {
    return wire::pseudo_header(datagram.header.source, datagram.header.destination, wire::protocol_tcp,
                               static_cast<std::uint16_t>(size))
        .sum();
  };
  return found == 0 || found == sum(datagram.payload.size()) || found == sum(0);
}

}  // namespace backstop::capture
