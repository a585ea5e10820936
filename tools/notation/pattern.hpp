// A line of the notation read back: what it says about a packet. What a line does not write is not compared, except
// that a list of options is the whole list: <mss 1460> means that option and no other, <> none, <...> any.
//
//   . ack 101                          an ACK, whatever its sequence number and window
//   S. 0:0(0) ack 1 <mss 1460,TS>      TS alone: with timestamps, of any value; also "TS ecr 7"
//   [ect0] P. 1:101(100) ack 1         fields of the IPv4 header: ttl N, tos N, ect0, ect1, ce, noecn, df
//
// Read next: format.hpp, the notation written; transcript.hpp.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "stack/wire/ipv4.hpp"
#include "tools/notation/format.hpp"

namespace backstop::notation {

struct IpPattern {
  std::optional<std::uint8_t> ttl;
  std::optional<std::uint8_t> tos;
  std::optional<std::uint8_t> ecn;  ///< the two lower bits of tos (RFC 3168 section 5)
  bool dont_fragment = false;

  friend bool operator==(const IpPattern&, const IpPattern&) = default;
};

struct TimestampsPattern {
  std::optional<std::uint32_t> value;
  std::optional<std::uint32_t> echo;

  friend bool operator==(const TimestampsPattern&, const TimestampsPattern&) = default;
};

struct OptionsPattern {
  std::optional<std::uint16_t> mss;
  std::optional<std::uint8_t> window_scale;
  bool sack_permitted = false;
  std::optional<TimestampsPattern> timestamps;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sack;  ///< relative edges, at most four pairs

  friend bool operator==(const OptionsPattern&, const OptionsPattern&) = default;
};

/// Numbers are relative, as written.
struct SegmentPattern {
  wire::Flags flags;
  std::optional<std::uint32_t> seq;
  std::optional<std::uint32_t> text_size;  ///< written together with seq
  std::optional<std::uint32_t> ack;
  std::optional<std::uint16_t> window;
  std::optional<std::uint16_t> urgent_pointer;
  std::optional<OptionsPattern> options;

  friend bool operator==(const SegmentPattern&, const SegmentPattern&) = default;
};

/// An ICMP message; about errors, what is known of the packet that they quote.
struct IcmpPattern {
  wire::IcmpType type = wire::IcmpType::echo_request;
  std::uint8_t code = 0;
  std::optional<std::uint16_t> id;      ///< of an echo
  std::optional<std::uint16_t> number;  ///< of an echo
  std::optional<std::uint32_t> length;  ///< of an echo, with the ICMP header, octets
  std::optional<std::uint16_t> mtu;     ///< of the next hop, when a packet was too big
  std::optional<std::uint8_t> octet;    ///< that a parameter problem points at
  std::optional<Ipv4Address> quoted_destination;
  std::optional<std::uint8_t> quoted_protocol;
  std::optional<std::uint16_t> quoted_port;
  std::optional<std::uint32_t> quoted_seq;  ///< relative to its sender's ISN

  friend bool operator==(const IcmpPattern&, const IcmpPattern&) = default;
};

struct UdpPattern {
  std::optional<std::uint16_t> length;  ///< octets of payload

  friend bool operator==(const UdpPattern&, const UdpPattern&) = default;
};

struct Pattern {
  IpPattern ip;
  std::variant<SegmentPattern, IcmpPattern, UdpPattern> payload;

  friend bool operator==(const Pattern&, const Pattern&) = default;
};

/// Reads one line. An error names the column, counted from 1, and what was expected there.
std::expected<Pattern, std::string> parse(std::string_view line);

/// Each field that the pattern wrote and the packet has otherwise: "ack: expected 101, got 1". Empty when it matches.
std::vector<std::string> differences(const SegmentPattern& pattern, const wire::Segment& segment, Relative relative);
std::vector<std::string> differences(const IcmpPattern& pattern, const wire::IcmpMessage& message, SeqNum quoted_isn);
std::vector<std::string> differences(const IpPattern& pattern, const wire::Ipv4Header& header);

/// The segment that a line describes, without text: for whoever builds packets from lines. What the line does not write
/// is zero or absent.
wire::Segment to_segment(const SegmentPattern& pattern, Relative relative);

}  // namespace backstop::notation
