// Copies of packets for devices that keep them, and the checksum that an offloading device would have finished.
// Read next: vnet_header.hpp, which asks the kernel to finish it.
#pragma once

#include <span>

#include "stack/wire/packet.hpp"

namespace backstop::tun {

/// Writes headers and text one after the other into `out`, which holds at least packet.size() octets.
void copy_packet(const OutboundPacket& packet, MutableBytes out);

/// The same, and finishes a partial TCP checksum on the way, in one pass over the text. Headers are as the stack makes
/// them: IPv4 without options.
void copy_and_finish(const OutboundPacket& packet, MutableBytes out);

/// Finishes the partial checksum of a TCP or UDP packet in place, as Offload::checksum_partial asks of a device.
/// `rest` is what follows `headers`; the IPv4 and transport headers are whole in `headers`. A packet that is cut short
/// or carries something else is left alone.
void finish_checksum(MutableBytes headers, std::span<const Bytes> rest);

}  // namespace backstop::tun
