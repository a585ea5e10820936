// TCP checksums that are wrong because a network card was still to compute them when the packet was captured. About a
// third of real captures hold such.
#pragma once

#include "stack/wire/ipv4.hpp"

namespace backstop::capture {

/// Whether the checksum of the TCP segment in `datagram` is zero, or the sum of the pseudo-header, whose length some
/// senders leave out. The segment has a whole header.
bool is_uncomputed_checksum(const wire::Ipv4Datagram& datagram);

}  // namespace backstop::capture
