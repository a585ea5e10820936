// Packets made by hand for tests: real ones, with their checksums. And the text that tests send, which is a function of
// its place in the stream, so that any piece of it can be checked on its own.
// Read next: scenario.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "stack/wire/icmp.hpp"
#include "stack/wire/packet.hpp"
#include "stack/wire/segment.hpp"

namespace backstop::test {

using Packet = std::vector<std::byte>;

/// A segment with its text; ports from the segment, addresses and the rest from `ip`.
Packet tcp_packet(const wire::Ipv4Header& ip, const wire::Segment& segment);
Packet icmp_packet(wire::Ipv4Header ip, const wire::IcmpMessage& message);
Packet udp_packet(const Endpoint& source, const Endpoint& destination, Bytes payload);

/// A router's or host's ICMP message about `offending`, which it quotes as far as RFC 1812 section 4.3.2.3 asks, to
/// whom that came from.
Packet icmp_error(Ipv4Address from, wire::IcmpType type, std::uint8_t code, std::uint32_t rest,
                  const Packet& offending);

/// The packet as fragments that fit into `mtu` octets, in order.
std::vector<Packet> fragments(const Packet& packet, std::size_t mtu);

/// Headers and text in one run of bytes.
Packet flatten(const OutboundPacket& packet);
/// What a device does with a partial TCP checksum.
void finish_checksum(Packet& packet);

/// Octet `offset` of a stream of test text. Neighbours and multiples of a segment's size look different.
std::byte text_at(std::uint64_t offset);
/// `size` octets of test text from `offset` on.
std::vector<std::byte> text(std::uint64_t offset, std::size_t size);
/// Whether `bytes` is the test text from `offset` on.
bool is_text(std::uint64_t offset, Bytes bytes);

}  // namespace backstop::test
