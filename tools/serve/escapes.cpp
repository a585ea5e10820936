#include "tools/serve/escapes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace backstop::tools {
namespace {

// Letter and octet.
constexpr std::array<std::pair<char, char>, 4> letters{{{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'0', '\0'}}};

bool is_printable(char c) { return c >= ' ' && c <= '~'; }
bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

std::string as_hex(char octet) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto code = static_cast<unsigned char>(octet);
  return {'\\', 'x', digits[code >> 4], digits[code & 0xf]};
}

std::string escape(char octet) {
  if (octet == '\\') return "\\\\";
  if (is_printable(octet)) return {octet};
  // Not \0: a digit that follows would read as more of it.
  const auto* found = std::ranges::find(letters, octet, &std::pair<char, char>::second);
  return found == letters.end() || octet == '\0' ? as_hex(octet) : std::string{'\\', found->first};
}

/// Reads what stands behind a backslash, and takes it off the front.
std::optional<char> take_escape(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  const char kind = text.front();
  text.remove_prefix(1);
  const auto* found = std::ranges::find(letters, kind, &std::pair<char, char>::first);
  if (found != letters.end()) return found->second;
  if (!is_letter_or_digit(kind)) return kind;
  if (kind != 'x' || text.size() < 2) return std::nullopt;
  unsigned code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 2, code, 16);
  if (error != std::errc{} || end != text.data() + 2) return std::nullopt;
  text.remove_prefix(2);
  return static_cast<char>(code);
}

}  // namespace

std::string escaped(std::string_view octets) {
  std::string text;
  for (const char octet : octets) text += escape(octet);
  return text;
}

Parsed<std::string> unescaped(std::string_view text) {
  std::string octets;
  while (!text.empty()) {
    const std::string_view rest = text;
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\') {
      octets += c;
    } else if (const auto octet = take_escape(text)) {
      octets += *octet;
    } else {
      return std::unexpected("'" + std::string(rest.substr(0, 4)) +
                             "' is no escape; there are \\n, \\r, \\t, \\0, \\\\, \\, and \\xHH");
    }
  }
  return octets;
}

}  // namespace backstop::tools
