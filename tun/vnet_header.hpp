// The ten octets that a TUN device with IFF_VNET_HDR puts before every packet (struct virtio_net_hdr of
// <linux/virtio_net.h>; OASIS virtio 1.2, section 5.1.6): which checksum is unfinished, and what size to segment at.
// Everything that comes in is checked against the packet itself; hdr_len, a hint that lies, is never read.
// Read next: tun_device.hpp.
#pragma once

#include <array>
#include <expected>

#include "stack/wire/packet.hpp"

namespace backstop::tun {

inline constexpr std::size_t vnet_header_size = 10;
using VnetHeader = std::array<std::byte, vnet_header_size>;

/// Why a header was not believed. The packet behind it must not be used.
enum class VnetError : std::uint8_t {
  unknown_flags,       ///< a feature that was never asked for
  unknown_gso_type,    ///< segmentation of something else than TCP over IPv4
  bad_gso_size,        ///< segments of no text
  gso_not_partial,     ///< to be segmented, and yet its one checksum is said to be finished
  bad_checksum_place,  ///< csum_start or csum_offset is not where this packet keeps its checksum
};

/// Reads the header of an inbound `packet`. A packet that is not IPv4 has no offload; the stack will drop it anyway.
std::expected<Offload, VnetError> parse_vnet_header(const VnetHeader& header, Bytes packet);

/// Writes the header for a packet of the stack's: IPv4 without options, then TCP when it asks for any offload.
VnetHeader emit_vnet_header(const OutboundPacket& packet);

}  // namespace backstop::tun
