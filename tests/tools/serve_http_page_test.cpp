// The http handler's answers: status, framing and the page.
#include <string>

#include "tests/support/catch.hpp"
#include "tools/serve/http_page.hpp"

using namespace backstop;
using namespace backstop::tools;

namespace {

HttpResponse answer_to(std::string_view head) {
  HttpRequestParser parser;
  parser.take(std::as_bytes(std::span{head}));
  REQUIRE(parser.finished());
  ConnectionInfo info;
  info.tuple = {{Ipv4Address::of(10, 90, 0, 2), 80}, {Ipv4Address::of(10, 90, 0, 1), 40'000}};
  info.state = State::established;
  info.mss = 1448;
  info.srtt = std::chrono::microseconds(125);
  return answer(parser, info, 784'111'777);
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string content_of(const std::string& response) { return response.substr(response.find("\r\n\r\n") + 4); }

}  // namespace

TEST_CASE("HTTP: the page shows the connection, and its length is told", "[serve][http]") {
  const auto response = answer_to("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto content = content_of(response.text);
  CHECK(response.text.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(has(response.text, "\r\nContent-Length: " + std::to_string(content.size()) + "\r\n"));
  CHECK(has(response.text, "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
  CHECK(has(response.text, "\r\nConnection: keep-alive\r\n"));
  CHECK(response.keep_alive);
  CHECK(has(content, "You are 10.90.0.1:40000 and reached 10.90.0.2:80"));
  CHECK(has(content, "ESTABLISHED"));
  CHECK(has(content, "1448 octets"));
  CHECK(has(content, "0.125 ms"));
}

TEST_CASE("HTTP: HEAD is answered with the same fields and no content", "[serve][http]") {
  const auto get = answer_to("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto head = answer_to("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(content_of(head.text).empty());
  CHECK(head.text + content_of(get.text) == get.text);
}

TEST_CASE("HTTP: a client that wants no more gets told that there is no more", "[serve][http]") {
  const auto response = answer_to("GET / HTTP/1.0\r\n\r\n");
  CHECK_FALSE(response.keep_alive);
  CHECK(has(response.text, "\r\nConnection: close\r\n"));
}

TEST_CASE("HTTP: other methods and unknown lengths are refused, and the connection closed", "[serve][http]") {
  const auto post = answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  CHECK(post.text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
  CHECK(has(post.text, "\r\nAllow: GET, HEAD\r\n"));
  CHECK_FALSE(post.keep_alive);
  const auto chunked = answer_to("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(chunked.text.starts_with("HTTP/1.1 411 Length Required\r\n"));
  CHECK_FALSE(chunked.keep_alive);
}

TEST_CASE("HTTP: a malformed request is told so, and the connection closed", "[serve][http]") {
  const auto response = answer_to("hello\r\n");
  CHECK(response.text.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(content_of(response.text) == "Bad Request\n");
  CHECK_FALSE(response.keep_alive);
}
