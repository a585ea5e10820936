#include "tun/vnet_header.hpp"

#include <bit>

#include "stack/wire/ipv4.hpp"
#include "stack/wire/segment.hpp"

namespace backstop::tun {
namespace {

constexpr std::uint16_t tcp_checksum_offset = 16;  // RFC 9293 section 3.1
constexpr std::uint16_t udp_checksum_offset = 6;   // RFC 768

// struct virtio_net_hdr, whose own header C++ cannot read. TUN's numbers are in the host's byte order.
struct Fields {
  std::uint8_t flags;
  std::uint8_t gso_type;
  std::uint16_t hdr_len;
  std::uint16_t gso_size;
  std::uint16_t csum_start;   // where the sum begins, in octets of the packet
  std::uint16_t csum_offset;  // where it goes, in octets from there
};
static_assert(sizeof(Fields) == vnet_header_size);

constexpr std::uint8_t flag_needs_checksum = 1;
constexpr std::uint8_t flag_data_valid = 2;
constexpr std::uint8_t gso_none = 0;
constexpr std::uint8_t gso_tcp4 = 1;
constexpr std::uint8_t gso_ecn = 0x80;

/// Whether an IPv4 packet keeps a transport checksum there, and one that a device may leave unfinished.
bool is_checksum_place(Bytes packet, std::size_t start, std::size_t offset) {
  if (packet.size() < wire::ipv4_header_size) return false;
  const std::size_t header_size = (wire::load8(packet, 0) & 0xfu) * 4u;
  const bool is_fragment = (wire::load16(packet, 6) & 0x3fff) != 0;
  if (start != header_size || start < wire::ipv4_header_size || is_fragment) return false;
  switch (wire::load8(packet, 9)) {
    case wire::protocol_tcp:
      return offset == tcp_checksum_offset && packet.size() >= start + wire::tcp_header_size;
    case wire::protocol_udp:
      return offset == udp_checksum_offset && packet.size() >= start + 8;
    default:
      return false;
  }
}

bool is_ipv4(Bytes packet) { return !packet.empty() && wire::load8(packet, 0) >> 4 == 4; }

}  // namespace

std::expected<Offload, VnetError> parse_vnet_header(const VnetHeader& bytes, Bytes packet) {
  const auto header = std::bit_cast<Fields>(bytes);
  // Why: DATA_VALID says that a network card checked the sum. It is allowed, and we check again.
  if ((header.flags & ~(flag_needs_checksum | flag_data_valid)) != 0) {
    return std::unexpected(VnetError::unknown_flags);
  }
  if (!is_ipv4(packet)) return Offload{};
  const bool partial = (header.flags & flag_needs_checksum) != 0;
  if (partial && !is_checksum_place(packet, header.csum_start, header.csum_offset)) {
    return std::unexpected(VnetError::bad_checksum_place);
  }
  if (header.gso_type == gso_none) return Offload{.checksum_partial = partial};
  if ((header.gso_type & ~gso_ecn) != gso_tcp4) return std::unexpected(VnetError::unknown_gso_type);
  if (header.gso_size == 0) return std::unexpected(VnetError::bad_gso_size);
  if (!partial || wire::load8(packet, 9) != wire::protocol_tcp) return std::unexpected(VnetError::gso_not_partial);
  return Offload{.checksum_partial = true, .gso_size = header.gso_size};
}

VnetHeader emit_vnet_header(const OutboundPacket& packet) {
  Fields header{};
  if (packet.offload.checksum_partial) {
    header.flags = flag_needs_checksum;
    header.csum_start = wire::ipv4_header_size;
    header.csum_offset = tcp_checksum_offset;
  }
  // One segment's worth of text is no job for segmentation, and the kernel refuses some such packets.
  const bool segmented =
      packet.offload.gso_size != 0 && packet.size() - packet.headers.size() > packet.offload.gso_size;
  if (segmented) {
    const wire::Flags flags{wire::load8(packet.headers, wire::ipv4_header_size + 13)};
    header.gso_type = gso_tcp4;
    // RFC 3168: CWR belongs on the first of the segments only; this bit makes the kernel keep to that.
    if (flags.has(wire::Flag::cwr)) header.gso_type |= gso_ecn;
    header.gso_size = packet.offload.gso_size;
    header.hdr_len = static_cast<std::uint16_t>(packet.headers.size());
  }
  return std::bit_cast<VnetHeader>(header);
}

}  // namespace backstop::tun
