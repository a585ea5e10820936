#include "tools/serve/http_request.hpp"

#include <algorithm>
#include <charconv>

namespace backstop::tools {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// A token of RFC 9110 section 5.6.2: what method and field names are made of.
bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [marks](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || marks.find(c) != std::string_view::npos;
  });
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c != 0x7f; });
}

/// Whether a comma-separated list has `word` in it.
bool list_has(std::string_view list, std::string_view word) {
  while (true) {
    const auto comma = list.find(',');
    if (same_word(trimmed(list.substr(0, comma)), word)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string_view reason_phrase(HttpStatus status) {
  switch (status) {
    case HttpStatus::ok:
      return "OK";
    case HttpStatus::bad_request:
      return "Bad Request";
    case HttpStatus::not_found:
      return "Not Found";
    case HttpStatus::method_not_allowed:
      return "Method Not Allowed";
    case HttpStatus::request_timeout:
      return "Request Timeout";
    case HttpStatus::length_required:
      return "Length Required";
    case HttpStatus::uri_too_long:
      return "URI Too Long";
    case HttpStatus::header_fields_too_large:
      return "Request Header Fields Too Large";
    case HttpStatus::version_not_supported:
      return "HTTP Version Not Supported";
  }
  return "";
}

std::size_t HttpRequestParser::take(Bytes text) {
  std::size_t taken = 0;
  while (!finished_ && taken < text.size()) {
    const auto rest = text.subspan(taken);
    const auto newline = static_cast<std::size_t>(std::ranges::find(rest, std::byte{'\n'}) - rest.begin());
    const bool line_ends = newline < rest.size();
    if (line_.size() + newline > max_line) {
      fail(lines_ == 0 ? HttpStatus::uri_too_long : HttpStatus::header_fields_too_large);
      break;
    }
    line_.append(reinterpret_cast<const char*>(rest.data()), newline);
    taken += newline + (line_ends ? 1 : 0);
    if (line_ends) end_line();
  }
  return taken;
}

void HttpRequestParser::end_line() {
  std::string line;
  line.swap(line_);  // An idle connection keeps no buffer.
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (lines_ == 0) {
    if (line.empty()) return;  // RFC 9112 section 2.2: an empty line before a request is ignored.
    request_line(line);
  } else if (line.empty()) {
    return end_of_head();
  } else {
    field_line(line);
  }
  if (++lines_ > max_lines) fail(HttpStatus::header_fields_too_large);
}

void HttpRequestParser::request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return fail(HttpStatus::bad_request);
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!is_token(method) || target.empty() || !is_printable(target)) return fail(HttpStatus::bad_request);
  if (!version.starts_with("HTTP/")) return fail(HttpStatus::bad_request);
  if (version != "HTTP/1.0" && version != "HTTP/1.1") return fail(HttpStatus::version_not_supported);
  request_.method = method;
  request_.target = target;
  version_1_0_ = version == "HTTP/1.0";
  request_.keep_alive = !version_1_0_;
}

void HttpRequestParser::field_line(std::string_view line) {
  // RFC 9112 sections 5.1 and 5.2: no space before the colon, and a line that is folded may be refused.
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return fail(HttpStatus::bad_request);
  field(line.substr(0, colon), trimmed(line.substr(colon + 1)));
}

void HttpRequestParser::field(std::string_view name, std::string_view value) {
  if (same_word(name, "host")) {
    ++hosts_;
  } else if (same_word(name, "connection")) {
    if (list_has(value, "close")) request_.keep_alive = false;
    if (version_1_0_ && list_has(value, "keep-alive")) request_.keep_alive = true;
  } else if (same_word(name, "transfer-encoding")) {
    request_.chunked = true;
  } else if (same_word(name, "content-length")) {
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    const bool is_number = error == std::errc{} && end == value.data() + value.size();
    const bool contradicts = has_length_ && length != request_.content_length;
    if (!is_number || contradicts) return fail(HttpStatus::bad_request);
    has_length_ = true;
    request_.content_length = length;
  }
}

void HttpRequestParser::end_of_head() {
  finished_ = true;
  const bool host_is_wrong = hosts_ > 1 || (hosts_ == 0 && !version_1_0_);  // RFC 9112 section 3.2
  const bool two_lengths = request_.chunked && has_length_;                 // RFC 9112 section 6.1: request smuggling
  if (host_is_wrong || two_lengths) fail(HttpStatus::bad_request);
}

void HttpRequestParser::fail(HttpStatus status) {
  finished_ = true;
  if (!error_) error_ = status;
}

}  // namespace backstop::tools
