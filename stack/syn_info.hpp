// An unmatched SYN as a small value: all that is needed to answer it later, so that holding one costs no connection.
// Read next: tap.hpp.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/tcp/time.hpp"
#include "stack/wire/address.hpp"
#include "stack/wire/segment.hpp"

namespace backstop {

struct SynInfo {
  FourTuple tuple;              ///< local is the destination that was asked for
  SeqNum irs;                   ///< the SYN's sequence number
  std::uint32_t text_size = 0;  ///< octets of text in the SYN
  std::uint16_t window = 0;     ///< octets; never scaled in a SYN
  std::uint8_t ttl = 0;
  std::uint8_t tos = 0;
  wire::Flags flags;  ///< SYN, and ECE|CWR when the peer offers ECN (RFC 3168 section 6.1.1)
  bool sack_permitted = false;
  std::optional<std::uint16_t> mss;
  std::optional<std::uint8_t> window_scale;
  std::optional<wire::Timestamps> timestamps;
  Instant arrived{};
  /// Our ISN, when a cookie has answered the SYN already and the peer's ACK has brought it back: `arrived`, `window`,
  /// `ttl` and `tos` are that segment's, and the rest is what the cookie remembers (stack/tcp/syn_cookie.hpp).
  std::optional<SeqNum> cookie;

  [[nodiscard]] bool offers_ecn() const { return flags.has(wire::Flag::ece) && flags.has(wire::Flag::cwr); }
};

static_assert(sizeof(SynInfo) <= 128);

/// The connection that an inbound segment belongs to.
inline FourTuple tuple_of(const wire::Ipv4Header& header, const wire::Segment& segment) {
  return {.local = {header.destination, segment.destination_port}, .remote = {header.source, segment.source_port}};
}

inline SynInfo describe(const wire::Ipv4Header& header, const wire::Segment& syn, Instant now) {
  return {
      .tuple = tuple_of(header, syn),
      .irs = syn.seq,
      .text_size = static_cast<std::uint32_t>(syn.text.size()),
      .window = syn.window,
      .ttl = header.ttl,
      .tos = header.tos,
      .flags = syn.flags,
      .sack_permitted = syn.options.sack_permitted,
      .mss = syn.options.mss,
      .window_scale = syn.options.window_scale,
      .timestamps = syn.options.timestamps,
      .arrived = now,
      .cookie = {},
  };
}

}  // namespace backstop
