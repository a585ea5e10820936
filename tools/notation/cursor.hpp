// Walks along one line of the notation. The first thing that does not fit is kept as the error, with its column; after
// that every step does nothing, so that a parser can go on straight and look once at the end.
// Read next: parse.cpp.
#pragma once

#include <cctype>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace backstop::notation {

class Cursor {
 public:
  explicit Cursor(std::string_view line) : line_(line) { skip_spaces(); }

  [[nodiscard]] bool failed() const { return !error_.empty(); }
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] bool at_end() const { return failed() || at_ == line_.size(); }

  /// Takes `token` when it comes next and nothing of the same kind follows ("ack" is no part of "acks").
  bool take(std::string_view token) {
    if (failed() || !rest().starts_with(token)) return false;
    const bool is_word = is_word_char(token.back());
    if (is_word && rest().size() > token.size() && is_word_char(rest()[token.size()])) return false;
    at_ += token.size();
    skip_spaces();
    return true;
  }
  void require(std::string_view token) {
    if (!take(token)) fail("'" + std::string(token) + "'");
  }

  /// Takes the run of characters up to a space or one of `ends`.
  std::string_view word(std::string_view ends = {}) {
    if (failed()) return {};
    std::size_t size = 0;
    while (size < rest().size() && rest()[size] != ' ' && ends.find(rest()[size]) == ends.npos) ++size;
    const std::string_view taken = rest().substr(0, size);
    at_ += size;
    skip_spaces();
    return taken;
  }

  /// A number, decimal or 0x..., that fits into T.
  template <class T>
  T number(std::string_view of_what) {
    return static_cast<T>(number_up_to(std::numeric_limits<T>::max(), of_what));
  }
  /// A number in sequence space: "-10" is ten before the origin.
  std::uint32_t sequence_number(std::string_view of_what) {
    if (failed() || !rest().starts_with('-')) return number<std::uint32_t>(of_what);
    ++at_;
    return 0u - number<std::uint32_t>(of_what);
  }
  [[nodiscard]] bool at_number() const {
    const std::size_t digit = rest().starts_with('-') ? 1 : 0;
    return !failed() && rest().size() > digit && std::isdigit(static_cast<unsigned char>(rest()[digit])) != 0;
  }

  void fail(const std::string& expected) { fail_at(at_, expected); }
  void fail_at(std::size_t at, const std::string& expected) {
    if (failed()) return;
    const std::string_view found = line_.substr(at, line_.find(' ', at) - at);
    error_ = "column " + std::to_string(at + 1) + ": expected " + expected + ", found " +
             (found.empty() ? "the end of the line" : "'" + std::string(found) + "'");
  }
  [[nodiscard]] std::size_t position() const { return at_; }

 private:
  [[nodiscard]] std::string_view rest() const { return line_.substr(at_); }
  static bool is_word_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
  void skip_spaces() {
    while (at_ < line_.size() && line_[at_] == ' ') ++at_;
  }

  std::uint64_t number_up_to(std::uint64_t largest, std::string_view of_what) {
    if (failed()) return 0;
    const std::string expected = std::string(of_what) + ", a number of 0 to " + std::to_string(largest);
    const bool hexadecimal = rest().starts_with("0x");
    const char* begin = rest().data() + (hexadecimal ? 2 : 0);
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(begin, line_.data() + line_.size(), value, hexadecimal ? 16 : 10);
    if (problem != std::errc{} || value > largest) {
      fail(expected);
      return 0;
    }
    at_ = static_cast<std::size_t>(end - line_.data());
    skip_spaces();
    return value;
  }

  std::string_view line_;
  std::size_t at_ = 0;
  std::string error_;
};

}  // namespace backstop::notation
