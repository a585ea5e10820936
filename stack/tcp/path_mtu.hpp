// The path's MTU (RFC 1191), learnt from ICMP that is believed only about text in flight (RFC 5927 section 7), and,
// where ICMP never comes, from full segments that are lost again and again (RFC 2923 section 2.1).
#pragma once

#include "stack/tcp/tcb.hpp"

namespace backstop::tcp {

/// A router could not forward a packet of ours: its next hop takes `mtu` octets (0: an old router that does not say).
/// What is in flight and too large is sent again in smaller pieces.
[[gnu::cold]] void path_mtu_shrinks(Tcb& tcb, Environment& env, std::uint32_t mtu);

/// The retransmission timer has fired: when full segments seem to vanish, smaller ones are tried.
[[gnu::cold]] void suspect_black_hole(Tcb& tcb, Environment& env);

}  // namespace backstop::tcp
