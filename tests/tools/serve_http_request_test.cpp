// The head of an HTTP request: whole, in single octets, too large, and malformed.
#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tools/serve/http_request.hpp"

using namespace backstop;
using namespace backstop::tools;

namespace {

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

HttpRequestParser parse(std::string_view text) {
  HttpRequestParser parser;
  parser.take(bytes_of(text));
  return parser;
}

std::optional<HttpStatus> error_of(std::string_view text) {
  const auto parser = parse(text);
  REQUIRE(parser.finished());
  return parser.error();
}

constexpr std::string_view curl_head =
    "GET /page HTTP/1.1\r\nHost: 10.90.0.2\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

}  // namespace

TEST_CASE("HTTP: a whole head is taken up to its end", "[serve][http]") {
  HttpRequestParser parser;
  const std::string text = std::string(curl_head) + "body";
  CHECK(parser.take(bytes_of(text)) == curl_head.size());
  REQUIRE(parser.finished());
  CHECK_FALSE(parser.error());
  CHECK(parser.request().method == "GET");
  CHECK(parser.request().keep_alive);
  CHECK(parser.request().content_length == 0);
  CHECK(parser.take(bytes_of("GET / HTTP/1.1\r\n")) == 0);
}

TEST_CASE("HTTP: a head that comes in single octets is the same", "[serve][http]") {
  HttpRequestParser parser;
  for (std::size_t i = 0; i < curl_head.size(); ++i) {
    CHECK_FALSE(parser.finished());
    REQUIRE(parser.take(bytes_of(curl_head.substr(i, 1))) == 1);
  }
  CHECK(parser.finished());
  CHECK_FALSE(parser.error());
}

TEST_CASE("HTTP: it is known whether a head has begun", "[serve][http]") {
  HttpRequestParser parser;
  CHECK_FALSE(parser.begun());
  parser.take(bytes_of("\r\n"));
  CHECK_FALSE(parser.begun());
  parser.take(bytes_of("G"));
  CHECK(parser.begun());
  parser.take(bytes_of("ET / HTTP/1.0\r\n\r\n"));
  CHECK_FALSE(parser.begun());
}

TEST_CASE("HTTP: whether the connection stays is version and Connection field", "[serve][http]") {
  CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n").request().keep_alive);
  CHECK_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").request().keep_alive);
  CHECK_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nconnection: upgrade, Close\r\n\r\n").request().keep_alive);
  CHECK_FALSE(parse("GET / HTTP/1.0\r\n\r\n").request().keep_alive);
  CHECK(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").request().keep_alive);
}

TEST_CASE("HTTP: a body has a length, or is chunked", "[serve][http]") {
  CHECK(parse("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 42\r\n\r\n").request().content_length == 42);
  CHECK(parse("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").request().chunked);
  const auto bad = HttpStatus::bad_request;
  CHECK(error_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n") == bad);
  CHECK(error_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n") == bad);
  CHECK(error_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n") == bad);
  CHECK(error_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n") == bad);
}

TEST_CASE("HTTP: lines may end in a bare LF, and empty lines come before", "[serve][http]") {
  CHECK_FALSE(error_of("\r\n\nGET / HTTP/1.1\nHost: a\n\n"));
}

TEST_CASE("HTTP: what is not HTTP is told so at its first line", "[serve][http]") {
  for (const auto* text : {"hello\r\n", "GET /\r\n", "GET  HTTP/1.1\r\n", "GET /a b HTTP/1.1\r\n", " / HTTP/1.1\r\n",
                           "GET / HTTPS/1.1\r\n", "G(T / HTTP/1.1\r\n", "\x16\x03\x01\x02 a b\n"}) {
    INFO(text);
    CHECK(error_of(text) == HttpStatus::bad_request);
  }
  CHECK(error_of("GET / HTTP/2.0\r\n") == HttpStatus::version_not_supported);
}

TEST_CASE("HTTP: fields are names and values, and there is one Host", "[serve][http]") {
  for (const auto* fields : {"Host : a\r\n\r\n", "Host: a\r\n folded\r\n\r\n", "Host: a\r\nnonsense\r\n\r\n", "\r\n",
                             "Host: a\r\nHost: b\r\n\r\n", "Host: a\r\n: b\r\n\r\n"}) {
    INFO(fields);
    CHECK(error_of("GET / HTTP/1.1\r\n" + std::string(fields)) == HttpStatus::bad_request);
  }
}

TEST_CASE("HTTP: a head that never ends is cut off", "[serve][http]") {
  CHECK(error_of("GET /" + std::string(HttpRequestParser::max_line, 'a')) == HttpStatus::uri_too_long);
  CHECK(error_of("GET / HTTP/1.1\r\nA: " + std::string(HttpRequestParser::max_line, 'a')) ==
        HttpStatus::header_fields_too_large);
  std::string many = "GET / HTTP/1.1\r\n";
  for (std::size_t i = 0; i < HttpRequestParser::max_lines; ++i) many += "A: b\r\n";
  CHECK(error_of(many) == HttpStatus::header_fields_too_large);
}
