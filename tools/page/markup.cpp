#include "tools/page/markup.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace backstop::page {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

// The size of the well-formed UTF-8 sequence that `text` begins with; 0 when there is none.
std::size_t sequence_size(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = octet(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : 4;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((octet(i) & 0xc0u) != 0x80) return 0;
  }
  const unsigned second = octet(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool too_large = first == 0xf4 && second >= 0x90;
  const bool no_character = first == 0xef && second == 0xbf && octet(2) >= 0xbe;
  return overlong || surrogate || too_large || no_character ? 0 : size;
}

void append_escaped(std::string& to, std::string_view sequence) {
  const char c = sequence.front();
  const bool forbidden = static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  if (c == '&') {
    to += "&amp;";
  } else if (c == '<') {
    to += "&lt;";
  } else if (c == '>') {
    to += "&gt;";
  } else if (c == '"') {
    to += "&quot;";
  } else if (c == '\'') {
    to += "&#39;";
  } else {
    to += forbidden ? replacement : sequence;
  }
}

std::string printed(const char* format, double value) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), format, value);
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace

std::string escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = sequence_size(text);
    if (size == 0) {
      escaped += replacement;
    } else {
      append_escaped(escaped, text.substr(0, size));
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return escaped;
}

std::string number(double value) {
  std::string text = printed("%.2f", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string grouped(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return grouped(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string duration_text(double seconds) {
  const double size = std::abs(seconds);
  if (size < 0.001) return printed("%.3g us", seconds * 1e6);
  if (size < 1) return printed("%.3g ms", seconds * 1e3);
  return size < 100 ? printed("%.3g s", seconds) : printed("%.0f s", seconds);
}

}  // namespace backstop::page
