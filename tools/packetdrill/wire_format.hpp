// A packet of the stack as it lies on the wire: cut into segments, as a device with segmentation offload does it, and
// with the options of a SYN in the order of the host that the profile names.
#pragma once

#include <vector>

#include "stack/wire/packet.hpp"
#include "tools/packetdrill/settings.hpp"

namespace backstop::packetdrill {

std::vector<std::vector<std::byte>> on_the_wire(const OutboundPacket& packet, SynOptions order);

}  // namespace backstop::packetdrill
