// A file of rules: what its lines mean, and that a mistake is found with the file's name and the line's number.
#include "tools/serve/rules_file.hpp"

#include "tests/support/catch.hpp"
#include "tools/serve/options.hpp"

using namespace backstop;
using namespace backstop::tools;

namespace {

std::string error_of(std::string_view text) {
  Rules rules;
  const auto added = add_rules(rules, {"my.rules", std::string(text)});
  return added ? "no error" : added.error();
}

}  // namespace

TEST_CASE("A rules file has the command line's words, blank lines and comments", "[serve]") {
  Rules rules;
  REQUIRE(add_rules(rules, {"my.rules",
                            "# what this host offers\n"
                            "\n"
                            "listen 80=http\n"
                            "  listen   7=echo   # RFC 862\r\n"
                            "\tfallback 25=banner:220 mail \\# ready\\r\\n\n"
                            "fallback 8000-8999=echo,max=100\n"
                            "#fallback *=drop\n"
                            "fallback *=reject"}));
  REQUIRE(rules.listeners.size() == 2);
  CHECK(rules.listeners[0].port == 80);
  CHECK(rules.listeners[1].text == "7=echo");
  CHECK(rules.listeners[1].origin == "my.rules:4: listen 7=echo");
  REQUIRE(rules.fallbacks.size() == 3);
  CHECK(std::get<Service>(rules.fallbacks[0].action) == Service{Banner{"220 mail # ready\r\n"}});
  CHECK(rules.fallbacks[1].limits.max == 100);
  CHECK(rules.fallbacks[2].text == "*=reject");
}

TEST_CASE("A mistake in a rules file is found by file and line", "[serve]") {
  CHECK(error_of("listen 80=http\n\nlisten 81=htp\n")
            .starts_with("my.rules:3: listen 81=htp: there is no handler 'htp'"));
  CHECK(error_of("fallback 90-80=echo").starts_with("my.rules:1: fallback 90-80=echo: the range"));
  CHECK(error_of("lisen 80=http") ==
        "my.rules:1: 'lisen' begins no rule; a line is `listen PORT=HANDLER`, `fallback PORTS=ACTION` or a # comment");
  CHECK(error_of("listen") == "my.rules:1: listen: a listener is PORT=HANDLER, as in 80=http");
  CHECK(error_of("listen 80=http\nlisten 80=echo") ==
        "my.rules:2: listen 80=echo: port 80 has a listener already (80=http); a port takes one");
  CHECK(error_of("") == "no error");
}

TEST_CASE("The rules of files come behind those of the command line, and share its ports", "[serve]") {
  ServeArguments arguments;
  arguments.device = "bs0";
  arguments.address = "10.90.0.2";
  arguments.listeners = {"80=http"};
  arguments.fallbacks = {"22=reject"};
  arguments.rules_files = {{"a", "fallback 23=reject\n"}, {"b", "fallback 24=reject\n"}};
  const auto options = parse_serve_arguments(arguments).value();
  REQUIRE(options.rules.fallbacks.size() == 3);
  CHECK(options.rules.fallbacks[0].text == "22=reject");
  CHECK(options.rules.fallbacks[1].text == "23=reject");
  CHECK(options.rules.fallbacks[2].text == "24=reject");

  arguments.rules_files = {{"a", "listen 80=echo\n"}};
  CHECK(parse_serve_arguments(arguments).error() ==
        "a:1: listen 80=echo: port 80 has a listener already (80=http); a port takes one");
}
