// The grammar of `backstop serve`: what each rule means, and the one line that each mistake gets.
#include <string>

#include "tests/support/catch.hpp"
#include "tools/serve/rules.hpp"

using namespace backstop::tools;

namespace {

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string error_of_listen(std::string_view text) {
  const auto rule = parse_listen_rule(text);
  return rule ? "no error" : rule.error();
}

std::string error_of_fallback(std::string_view text) {
  const auto rule = parse_fallback_rule(text);
  return rule ? "no error" : rule.error();
}

}  // namespace

TEST_CASE("A set of ports is a port, a range, a list of both, or all", "[serve]") {
  const auto list = parse_ports("22,80,8000-8999").value();
  CHECK(list.contains(22));
  CHECK(list.contains(80));
  CHECK(list.contains(8000));
  CHECK(list.contains(8999));
  CHECK_FALSE(list.contains(21));
  CHECK_FALSE(list.contains(7999));
  CHECK_FALSE(list.contains(9000));

  const auto all = parse_ports("*").value();
  CHECK(all.contains(1));
  CHECK(all.contains(65'535));

  CHECK(parse_ports("65535").value().contains(65'535));
  CHECK(parse_ports("7-7").value() == parse_ports("7").value());
}

TEST_CASE("A bad set of ports is told apart from a good one", "[serve]") {
  for (const auto* text : {"", ",", "80,", ",80", "0", "65536", "-1", "80-", "-80", "a", "80 ", "1-2-3", "**", "80,*",
                           "+80", "0x50", "99999999999999999999"}) {
    INFO("ports: '" << text << "'");
    CHECK_FALSE(parse_ports(text).has_value());
  }
  CHECK(mentions(parse_ports("90-80").error(), "80-90"));
}

TEST_CASE("Every handler and verdict is an action by its name", "[serve]") {
  CHECK(parse_action("echo").value() == Action{Handler::echo});
  CHECK(parse_action("discard").value() == Action{Handler::discard});
  CHECK(parse_action("chargen").value() == Action{Handler::chargen});
  CHECK(parse_action("http").value() == Action{Handler::http});
  CHECK(parse_action("decline").value() == Action{PlainAction::decline});
  CHECK(parse_action("reject").value() == Action{PlainAction::reject});
  CHECK(parse_action("drop").value() == Action{PlainAction::drop});
}

TEST_CASE("A proxy has a host, and a port of its own or the one asked for", "[serve]") {
  const auto fixed = std::get<ProxyTarget>(parse_action("proxy:10.0.0.7:5432").value());
  CHECK(fixed.host == "10.0.0.7");
  CHECK(fixed.port_for(80) == 5432);

  const auto same = std::get<ProxyTarget>(parse_action("proxy:db.example:{port}").value());
  CHECK(same.host == "db.example");
  CHECK(same.port_for(80) == 80);

  for (const auto* text : {"proxy:", "proxy:host", "proxy::80", "proxy:host:", "proxy:host:0", "proxy:host:{ports}",
                           "proxy:host:8{port}"}) {
    INFO("action: " << text);
    CHECK_FALSE(parse_action(text).has_value());
  }
}

TEST_CASE("A listener's rule is a port and a handler", "[serve]") {
  const auto rule = parse_listen_rule("80=http").value();
  CHECK(rule.port == 80);
  CHECK(rule.handler == Handler::http);
  CHECK(rule.text == "80=http");
}

TEST_CASE("A bad listener's rule names the thing and the cure", "[serve]") {
  CHECK(error_of_listen("80=htp") == "80=htp: there is no handler 'htp'; there are echo, discard, chargen, http");
  CHECK(error_of_listen("http") == "http: a listener is PORT=HANDLER, as in 80=http");
  CHECK(error_of_listen("0=echo") == "0=echo: '0' is not a port: ports are numbers from 1 to 65535");
  CHECK(mentions(error_of_listen("80=reject"), "'reject' is for --fallback"));
  CHECK(mentions(error_of_listen("80=proxy:1.2.3.4:80"), "is for --fallback"));
  CHECK(mentions(error_of_listen("80="), "PORT=HANDLER"));
  CHECK(mentions(error_of_listen("=echo"), "PORT=HANDLER"));
  CHECK(mentions(error_of_listen(""), "PORT=HANDLER"));
  CHECK(mentions(error_of_listen("80-90=echo"), "'80-90' is not a port"));
}

TEST_CASE("A fallback rule is a set of ports and an action", "[serve]") {
  const auto rule = parse_fallback_rule("22,8000-8999=proxy:127.0.0.1:{port}").value();
  CHECK(rule.ports.contains(22));
  CHECK(rule.ports.contains(8500));
  CHECK_FALSE(rule.ports.contains(80));
  CHECK(std::get<ProxyTarget>(rule.action).host == "127.0.0.1");
  CHECK(rule.text == "22,8000-8999=proxy:127.0.0.1:{port}");
}

TEST_CASE("A bad fallback rule names the thing and the cure", "[serve]") {
  CHECK(error_of_fallback("*=rejct") ==
        "*=rejct: there is no action 'rejct'; there are echo, discard, chargen, http, "
        "decline, reject, drop, proxy:HOST:PORT");
  CHECK(mentions(error_of_fallback("*"), "PORTS=ACTION"));
  CHECK(mentions(error_of_fallback("*="), "PORTS=ACTION"));
  CHECK(mentions(error_of_fallback("90-80=echo"), "write 80-90"));
  CHECK(mentions(error_of_fallback("70000=echo"), "'70000' is not a port"));
  CHECK(mentions(error_of_fallback("*=proxy:localhost"), "proxy:127.0.0.1:{port}"));
}
