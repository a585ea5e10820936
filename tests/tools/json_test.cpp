// JSON lines: what is quoted, what is escaped.
#include "tools/json.hpp"
#include "tests/support/catch.hpp"

using backstop::tools::JsonObject;

TEST_CASE("JSON: fields keep their order and their kind", "[json]") {
  JsonObject inner;
  inner.add("n", -1);
  JsonObject object;
  object.add("event", "closed").add("bytes", 12345678901234u).add("ok", true).add("inner", inner);
  CHECK(object.text() == R"({"event":"closed","bytes":12345678901234,"ok":true,"inner":{"n":-1}})");
  CHECK(JsonObject{}.text() == "{}");
}

TEST_CASE("JSON: objects stand in a list", "[json]") {
  JsonObject one;
  one.add("n", 1);
  JsonObject object;
  object.add("none", std::vector<JsonObject>{}).add("two", std::vector{one, JsonObject{}});
  CHECK(object.text() == R"({"none":[],"two":[{"n":1},{}]})");
}

TEST_CASE("JSON: text is escaped", "[json]") {
  JsonObject object;
  object.add("a\"b", std::string_view("c\\d\n\x01", 5));
  CHECK(object.text() == R"({"a\"b":"c\\d\u000a\u0001"})");
}

TEST_CASE("JSON: seconds have six decimals", "[json]") {
  JsonObject object;
  object.add_seconds("t", 1'000'042'000).add_seconds("u", 0).add_seconds("v", 999);
  CHECK(object.text() == R"({"t":1.000042,"u":0.000000,"v":0.000000})");
}
