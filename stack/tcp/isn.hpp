// Where a connection's numbers begin: the initial sequence number (RFC 9293 section 3.4.1, RFC 6528) and the offset of
// its timestamps (RFC 7323 section 5.4). Both are functions of a secret, so that nobody outside can guess them: the two
// halves of one keyed hash, of which neither tells the other.
// Read next: syn_cookie.hpp.
#pragma once

#include <array>
#include <cstdint>

#include "stack/tcp/siphash.hpp"
#include "stack/tcp/time.hpp"
#include "stack/wire/address.hpp"
#include "stack/wire/seq.hpp"

namespace backstop::tcp {

using Secret = std::array<std::uint8_t, 16>;

struct FirstNumbers {
  /// ISN = M + F(local, remote, secret), where M is a clock that ticks every 4 microseconds. Consecutive connections of
  /// one tuple therefore get growing numbers, while those of two tuples have nothing in common (MUST-8, MUST-9,
  /// SHLD-1).
  SeqNum isn;
  /// What a connection adds to its timestamp clock. The same for each connection of a tuple, so that the tuple's
  /// timestamps never run back (RFC 7323 section 5.4 with the advice of RFC 6191), and different between tuples.
  std::uint32_t timestamp_offset;
};

FirstNumbers first_numbers(const SipKey& secret, const FourTuple& tuple, Instant now);

}  // namespace backstop::tcp
