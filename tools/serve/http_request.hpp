// The head of an HTTP/1.x request (RFC 9112), read as it arrives: in pieces of any size, bounded in every direction.
// Only what the one page of http.hpp needs is kept.
// Read next: http.hpp, the handler that answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stack/wire/bytes.hpp"

namespace backstop::tools {

struct HttpRequest {
  std::string method;
  std::string target;                ///< as it was asked for: "/"
  bool keep_alive = true;            ///< the client would send another request on this connection
  bool chunked = false;              ///< it has a body whose length is not known beforehand
  std::uint64_t content_length = 0;  ///< octets of body behind the head
};

/// Status codes of RFC 9110 section 15 that we answer with.
enum class HttpStatus : std::uint16_t {
  ok = 200,
  bad_request = 400,
  not_found = 404,
  method_not_allowed = 405,
  request_timeout = 408,
  length_required = 411,
  uri_too_long = 414,
  header_fields_too_large = 431,
  version_not_supported = 505,
};

/// "Not Found" and the like.
std::string_view reason_phrase(HttpStatus status);

class HttpRequestParser {
 public:
  static constexpr std::size_t max_line = 8192;  ///< octets; RFC 9112 section 3 asks for 8000 in a request line
  static constexpr std::size_t max_lines = 100;

  /// Takes text up to the end of the head, and returns how many octets it took. Takes nothing once finished.
  std::size_t take(Bytes text);
  /// The head is whole, or wrong.
  [[nodiscard]] bool finished() const { return finished_; }
  /// Octets of a head have arrived, and its end has not.
  [[nodiscard]] bool begun() const { return !finished_ && (lines_ > 0 || !line_.empty()); }
  /// What is wrong with it.
  [[nodiscard]] std::optional<HttpStatus> error() const { return error_; }
  [[nodiscard]] const HttpRequest& request() const { return request_; }

 private:
  void end_line();
  void request_line(std::string_view line);
  void field_line(std::string_view line);
  void field(std::string_view name, std::string_view value);
  void end_of_head();
  void fail(HttpStatus status);

  HttpRequest request_;
  std::string line_;  ///< what has come of the current line
  std::size_t lines_ = 0;
  unsigned hosts_ = 0;  ///< Host fields seen
  bool has_length_ = false;
  bool version_1_0_ = false;
  bool finished_ = false;
  std::optional<HttpStatus> error_;
};

}  // namespace backstop::tools
