// Octets as printable text and back: what rules write, and what records of visitors show.
#include "tools/serve/escapes.hpp"

#include "tests/support/catch.hpp"

using namespace backstop::tools;
using namespace std::string_literals;

TEST_CASE("Escapes: printable text stays as it is, and all else is one line of ASCII", "[serve]") {
  CHECK(escaped("GET / HTTP/1.0") == "GET / HTTP/1.0");
  CHECK(escaped("a\r\n\tb\\") == "a\\r\\n\\tb\\\\");
  CHECK(escaped("\0\x01\x7f\xff"s) == "\\x00\\x01\\x7f\\xff");
  CHECK(escaped("") == "");
}

TEST_CASE("Escapes: what a rule writes becomes octets", "[serve]") {
  CHECK(unescaped("220 ready\\r\\n").value() == "220 ready\r\n");
  CHECK(unescaped("\\0\\t\\x41\\xff\\\\").value() == "\0\tA\xff\\"s);
  CHECK(unescaped("a\\,b\\#c\\ d").value() == "a,b#c d");
  CHECK(unescaped("").value().empty());
}

TEST_CASE("Escapes: every octet survives the way there and back", "[serve]") {
  std::string all;
  for (int octet = 0; octet < 256; ++octet) all += static_cast<char>(octet);
  CHECK(unescaped(escaped(all)).value() == all);
}

TEST_CASE("Escapes: what is no escape is named", "[serve]") {
  for (const auto* text : {"\\", "\\q", "\\x", "\\x4", "\\x4g", "\\xg4", "\\1", "ok\\"}) {
    INFO(text);
    CHECK_FALSE(unescaped(text).has_value());
  }
  CHECK(unescaped("a\\qbc").error() == "'\\qbc' is no escape; there are \\n, \\r, \\t, \\0, \\\\, \\, and \\xHH");
}
