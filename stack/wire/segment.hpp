// A TCP segment as a value (RFC 9293 section 3.1): parsed from a datagram, trimmed by the connection, emitted again.
// The field names are the RFC's: seq, ack, window, urgent pointer, text. SEG.LEN is length().
// Read next: stack/tcp/connection.hpp.
#pragma once

#include <cstdint>
#include <expected>
#include <span>

#include "stack/wire/ipv4.hpp"
#include "stack/wire/packet.hpp"
#include "stack/wire/seq.hpp"
#include "stack/wire/tcp_options.hpp"

namespace backstop::wire {

inline constexpr std::size_t tcp_header_size = 20;  // without options
inline constexpr std::size_t max_headers_size = ipv4_header_size + tcp_header_size + max_options_size;

/// The control bits, with the values they have on the wire.
enum class Flag : std::uint8_t {
  fin = 0x01,
  syn = 0x02,
  rst = 0x04,
  psh = 0x08,
  ack = 0x10,
  urg = 0x20,
  ece = 0x40,
  cwr = 0x80
};

/// A set of control bits.
class Flags {
 public:
  constexpr Flags() = default;
  constexpr Flags(Flag flag) : bits_(static_cast<std::uint8_t>(flag)) {}  // NOLINT: a flag is a set of one
  constexpr explicit Flags(std::uint8_t bits) : bits_(bits) {}

  [[nodiscard]] constexpr std::uint8_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool has(Flag flag) const { return (bits_ & static_cast<std::uint8_t>(flag)) != 0; }
  constexpr void set(Flag flag) { bits_ = static_cast<std::uint8_t>(bits_ | static_cast<std::uint8_t>(flag)); }
  constexpr void clear(Flag flag) { bits_ = static_cast<std::uint8_t>(bits_ & ~static_cast<std::uint8_t>(flag)); }

  friend constexpr Flags operator|(Flags a, Flags b) { return Flags{static_cast<std::uint8_t>(a.bits_ | b.bits_)}; }
  friend constexpr bool operator==(Flags, Flags) = default;

 private:
  std::uint8_t bits_ = 0;
};

constexpr Flags operator|(Flag a, Flag b) { return Flags{a} | Flags{b}; }

struct Segment {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  SeqNum seq{};
  SeqNum ack{};  ///< meaningful when the ACK bit is set
  Flags flags{};
  std::uint16_t window = 0;  ///< as on the wire, not scaled
  std::uint16_t urgent_pointer = 0;
  TcpOptions options{};
  Bytes text{};

  [[nodiscard]] bool syn() const { return flags.has(Flag::syn); }
  [[nodiscard]] bool fin() const { return flags.has(Flag::fin); }
  [[nodiscard]] bool rst() const { return flags.has(Flag::rst); }
  [[nodiscard]] bool has_ack() const { return flags.has(Flag::ack); }
  [[nodiscard]] bool urg() const { return flags.has(Flag::urg); }

  /// SEG.LEN: the octets of text, and one each for SYN and FIN.
  [[nodiscard]] std::uint32_t length() const {
    return static_cast<std::uint32_t>(text.size()) + (syn() ? 1u : 0u) + (fin() ? 1u : 0u);
  }
};

/// Reads the segment in a datagram, checksum verified unless the device vouches for it (`offload.checksum_partial`).
/// Ports of 0 are refused here, so that no later step meets them.
std::expected<Segment, Drop> parse_segment(const Ipv4Datagram& datagram, Offload offload = {});

/// Writes IPv4 and TCP headers for `segment` with `text_size` octets of text (segment.text is not read), and returns
/// the size of both. The checksum is partial: the sum of the pseudo-header, for a device that finishes it, or
/// finish_checksum(). `out` holds at least max_headers_size octets.
std::size_t emit_headers(const Ipv4Header& ip, const Segment& segment, std::size_t text_size, MutableBytes out);
/// Makes the partial checksum in what emit_headers() wrote the one over pseudo-header, header and text.
void finish_checksum(MutableBytes headers, std::span<const Bytes> text);

/// How emit_segment fills in the TCP checksum.
enum class ChecksumKind : std::uint8_t {
  full,     ///< over pseudo-header, header and text
  partial,  ///< the pseudo-header's sum, for a device that finishes it
};

/// emit_headers() for a segment with the text in `text`, its pieces in order, with either kind of checksum.
std::size_t emit_segment(const Ipv4Header& ip, const Segment& segment, std::span<const Bytes> text, ChecksumKind kind,
                         MutableBytes out);

}  // namespace backstop::wire
