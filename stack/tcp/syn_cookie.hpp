// SYN cookies (RFC 4987 section 3.6): a SYN,ACK whose own numbers remember the SYN, so that nothing else has to. The
// peer's ACK brings them back, and the connection is made from that alone. What a cookie has no room for is not agreed
// on: text in the SYN is sent again, an MSS is rounded down, and without timestamps there are no other options.
//
//   ISN         31  30    28 27                                               0
//              +---+--------+--------------------------------------------------+
//              | p |  MSS   |  SipHash-2-4 of the tuple, IRS, period and offers |
//              +---+--------+--------------------------------------------------+
//              p: whether the period of 64 s in which it was made has an odd number; it holds for that and the next
//              MSS: which of eight sizes, the largest that is not above the peer's
//
//   TSval       31                                       6   5   4   3       0
//              +------------------------------------------+---+---+-----------+
//              |  our clock, at most 63 ms behind          | E | S |   scale   |
//              +------------------------------------------+---+---+-----------+
//              E: ECN   S: SACK   scale: the peer's window scale; 15: it offered none
//
// Read next: stack/syn_cookies.cpp, when they are used.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "stack/tcp/isn.hpp"
#include "stack/wire/segment.hpp"

namespace backstop::tcp {

/// How long a cookie certainly holds; never twice as long.
inline constexpr std::chrono::seconds cookie_period{64};

/// `syn` as a cookie will remember it.
wire::Segment abridge(const wire::Segment& syn);

/// The cookie: ISN of the SYN,ACK that answers `syn`, which is abridged. Our window scale follows from our receive
/// buffer, so a cookie is worth nothing where that has another size.
SeqNum cookie_isn(const Secret& secret, const FourTuple& tuple, std::uint32_t receive_buffer, const wire::Segment& syn,
                  Instant now);
/// TSval of that SYN,ACK; `tsval` is what it would be otherwise.
std::uint32_t cookie_timestamp(const wire::Segment& syn, std::uint32_t tsval);

/// The window of that SYN,ACK. The connection begins with it, so it must not hang on the memory there is at the moment;
/// text that finds none is sent again.
inline std::uint32_t cookie_window(std::uint32_t receive_buffer) {
  return std::min<std::uint32_t>(receive_buffer, 0xffff);
}

/// The SYN, abridged, whose cookie `ack` brings back; nothing when that is wrong or too old.
std::optional<wire::Segment> syn_of_cookie(const Secret& secret, const FourTuple& tuple, std::uint32_t receive_buffer,
                                           const wire::Segment& ack, Instant now);

}  // namespace backstop::tcp
