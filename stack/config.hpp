// The size and the identity of a stack. Everything that costs memory is bounded here, and all of it is taken from one
// memory resource in the constructor; Stack::required_memory(config) tells how much.
// Read next: stack.hpp.
#pragma once

#include <array>
#include <cstdint>

#include "stack/tcp/parameters.hpp"
#include "stack/wire/address.hpp"

namespace backstop {

/// How many packets of a kind may be sent; 0 a second: any number.
struct RateLimit {
  std::uint32_t per_second = 0;
  std::uint32_t burst = 1;  ///< at once, after a pause
};

struct Config {
  Ipv4Address address;  ///< our address
  /// Prefix length of our network, to know its broadcast address; 32 when there is none.
  std::uint8_t prefix = 32;
  /// Answer for every unicast destination, and keep the one that was asked for as the connection's local end.
  bool any_ip = false;
  /// False where another stack has the same addresses and other flows, and each gets all fragments of TCP: then they
  /// are for connections only, and answered by nobody else.
  bool has_all_flows = true;
  std::uint16_t mtu = 1500;  ///< octets, of the device below
  /// Largest text of one outbound packet that the device cuts into segments itself; 0: it cannot (no TSO).
  std::uint32_t segmentation_offload = 0;
  /// Most segments that it cuts a packet into.
  std::uint16_t segmentation_segments = 64;
  /// Whether the device finishes partial checksums of outbound packets.
  bool checksum_offload = false;

  std::uint32_t max_connections = 4096;
  std::uint32_t max_listeners = 64;
  /// Half-open connections that peers have opened, from which on a listener answers SYNs with cookies. Why: each may
  /// stay for a minute, and this leaves the others three quarters of the default table.
  std::uint32_t syn_cookies_from = 1024;
  /// Whether a listener takes a SYN that carries FIN too: the SYN first, and its FIN is kept for later.
  /// Deviation: RFC 9293 section 3.10.7.2 does so always. Nobody sends that in earnest, but scanners do.
  bool accept_syn_fin = false;
  std::uint32_t max_taps = 4;
  /// Different sets of options that connections and listeners may have at a time, the stack's own counted.
  std::uint16_t max_option_sets = 64;
  /// Blocks that all send and receive queues share, and the octets in each. A connection that reads and writes needs
  /// two; with fewer for all that are busy, some wait until others are done.
  std::uint32_t blocks = 16'384;
  std::uint32_t block_size = 4096;
  /// Segments that answer at once (RST, challenge and duplicate ACKs) wait in a queue of this many.
  std::uint32_t reply_queue = 1024;
  /// RSTs to segments that belong to no connection. Why: a scan of all ports at once is answered in full, while a flood
  /// is not sent back at its own rate.
  RateLimit resets{10'000, 65'536};
  /// ICMP errors. Why: what Linux allows (icmp_msgs_per_sec, icmp_msgs_burst).
  RateLimit icmp_errors{1000, 50};
  /// Datagrams being reassembled at a time.
  std::uint32_t max_reassemblies = 4;
  /// Octets for the frames of coroutines (stack/coroutine.hpp); 0 when they are not used.
  std::uint32_t coroutine_memory = 8 << 20;

  /// Secret keys ISNs, the demultiplexing hash and timestamp offsets (RFC 6528, RFC 7323 section 5.4). It must be
  /// random where an attacker can reach the stack, and may be fixed where runs must repeat.
  std::array<std::uint8_t, 16> secret{};

  Parameters tcp;
};

}  // namespace backstop
