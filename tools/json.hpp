// One JSON object on one line (RFC 8259), as --json prints them: fields in the order in which they are added.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace backstop::tools {

class JsonObject {
 public:
  JsonObject& add(std::string_view name, std::string_view value) {
    begin(name);
    append_quoted(value);
    return *this;
  }
  JsonObject& add(std::string_view name, const char* value) { return add(name, std::string_view(value)); }
  template <std::integral Number>
  JsonObject& add(std::string_view name, Number value) {
    begin(name);
    text_ += std::to_string(value);
    return *this;
  }
  /// With two decimals.
  JsonObject& add(std::string_view name, double value) {
    begin(name);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.2f", value);
    text_ += text.data();
    return *this;
  }
  JsonObject& add(std::string_view name, bool value) {
    begin(name);
    text_ += value ? "true" : "false";
    return *this;
  }
  JsonObject& add(std::string_view name, const JsonObject& value) {
    begin(name);
    text_ += value.text();
    return *this;
  }
  JsonObject& add(std::string_view name, const std::vector<JsonObject>& values) {
    begin(name);
    text_ += '[';
    for (std::size_t i = 0; i < values.size(); ++i) text_ += (i == 0 ? "" : ",") + values[i].text();
    text_ += ']';
    return *this;
  }
  /// A number of seconds with microseconds.
  JsonObject& add_seconds(std::string_view name, std::int64_t nanoseconds) {
    begin(name);
    const auto microseconds = std::to_string(nanoseconds / 1000 % 1'000'000);
    text_ +=
        std::to_string(nanoseconds / 1'000'000'000) + "." + std::string(6 - microseconds.size(), '0') + microseconds;
    return *this;
  }

  [[nodiscard]] std::string text() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  void begin(std::string_view name) {
    text_ += text_.empty() ? '{' : ',';
    append_quoted(name);
    text_ += ':';
  }

  void append_quoted(std::string_view value) {
    text_ += '"';
    for (const char c : value) append_escaped(c);
    text_ += '"';
  }

  void append_escaped(char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (code < 0x20) {
      text_ += "\\u00";
      text_ += digits[code >> 4];
      text_ += digits[code & 0xf];
    } else {
      text_ += c;
    }
  }

  std::string text_;
};

}  // namespace backstop::tools
