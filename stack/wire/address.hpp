// IPv4 addresses, endpoints and the pair of endpoints that names a connection (RFC 9293 section 3.3.1).
// Read next: ipv4.hpp.
#pragma once

#include <array>
#include <charconv>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace backstop {

/// An IPv4 address, kept as a number in host order.
struct Ipv4Address {
  std::uint32_t value = 0;

  static constexpr Ipv4Address of(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return {(std::uint32_t{a} << 24) | (std::uint32_t{b} << 16) | (std::uint32_t{c} << 8) | d};
  }

  [[nodiscard]] constexpr bool is_unspecified() const { return value == 0; }
  [[nodiscard]] constexpr bool is_this_network() const { return value >> 24 == 0; }
  [[nodiscard]] constexpr bool is_loopback() const { return value >> 24 == 127; }
  [[nodiscard]] constexpr bool is_multicast() const { return value >> 28 == 0xe; }
  [[nodiscard]] constexpr bool is_limited_broadcast() const { return value == 0xffff'ffff; }
  /// Class E without the limited broadcast address (RFC 1112 section 4).
  [[nodiscard]] constexpr bool is_reserved() const { return value >> 28 == 0xf && !is_limited_broadcast(); }

  friend constexpr auto operator<=>(Ipv4Address, Ipv4Address) = default;
};

/// An address and a port. Address 0.0.0.0 stands for "any" where a listener is meant.
struct Endpoint {
  Ipv4Address address;
  std::uint16_t port = 0;

  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// What names a connection: our end and the peer's.
struct FourTuple {
  Endpoint local;
  Endpoint remote;

  friend constexpr bool operator==(const FourTuple&, const FourTuple&) = default;
};

/// Text in a buffer of its own, so that the core can name an address without allocating.
class AddressText {
 public:
  explicit AddressText(Ipv4Address address) { append(address); }
  explicit AddressText(const Endpoint& endpoint) {
    append(endpoint.address);
    text_[size_++] = ':';
    append_number(endpoint.port);
  }
  [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }

 private:
  void append(Ipv4Address address) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      append_number(static_cast<std::uint16_t>((address.value >> shift) & 0xff));
      if (shift > 0) text_[size_++] = '.';
    }
  }
  void append_number(std::uint16_t number) {
    char* const begin = text_.data() + size_;
    size_ += static_cast<std::size_t>(std::to_chars(begin, begin + max_digits, number).ptr - begin);
  }

  static constexpr std::size_t max_digits = 5;
  std::array<char, 5 * (max_digits + 1)> text_{};  // five numbers, and what stands between them
  std::size_t size_ = 0;
};

/// Reads dotted decimal ("10.90.0.2"): four numbers of 0 to 255 and nothing else. Nothing for a number with leading
/// zeros, which some programs read as octal.
constexpr std::optional<Ipv4Address> parse_address(std::string_view text) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (text.empty() || text.front() != '.') return std::nullopt;
      text.remove_prefix(1);
    }
    std::uint32_t number = 0;
    std::size_t digits = 0;
    while (digits < text.size() && digits < 3 && text[digits] >= '0' && text[digits] <= '9') {
      number = number * 10 + static_cast<std::uint32_t>(text[digits++] - '0');
    }
    if (digits == 0 || number > 255 || (digits > 1 && text.front() == '0')) return std::nullopt;
    text.remove_prefix(digits);
    value = (value << 8) | number;
  }
  return text.empty() ? std::optional{Ipv4Address{value}} : std::nullopt;
}

}  // namespace backstop
