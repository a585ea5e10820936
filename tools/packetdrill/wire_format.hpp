// Packets at the border of the stack. Those that it sends, as they lie on the wire: cut into segments, as a device with
// segmentation offload does it, and with the options of a SYN in the order of the host that the profile names.
#pragma once

#include <vector>

#include "stack/wire/packet.hpp"
#include "tools/packetdrill/settings.hpp"

namespace backstop::packetdrill {

/// An inbound SYN without its text: Linux and FreeBSD take text with a SYN only as Fast Open (RFC 9293 allows it to any
/// peer). Other packets as they are.
std::vector<std::byte> without_text_of_syn(Bytes packet);

std::vector<std::vector<std::byte>> on_the_wire(const OutboundPacket& packet, SynOptions order);

}  // namespace backstop::packetdrill
