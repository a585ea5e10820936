// The grammar of `backstop serve`: what each rule means, and the one line that each mistake gets.
#include <string>

#include "tests/support/catch.hpp"
#include "tools/serve/rules.hpp"

using namespace backstop;
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
  CHECK(parse_action("log").value() == Action{Log{}});
  CHECK(parse_action("decline").value() == Action{Decline{}});
  CHECK(parse_action("reject").value() == Action{Refusal{Refusal::Kind::reject}});
  CHECK(parse_action("drop").value() == Action{Refusal{Refusal::Kind::drop}});
}

TEST_CASE("An unreachable is a port's unless it says what is", "[serve]") {
  using wire::UnreachableCode;
  const auto code_of = [](std::string_view text) { return std::get<Refusal>(parse_action(text).value()); };
  const auto unreachable = [](UnreachableCode code) { return Refusal{Refusal::Kind::unreachable, code}; };
  CHECK(code_of("unreachable") == unreachable(UnreachableCode::port));
  CHECK(code_of("unreachable:port") == unreachable(UnreachableCode::port));
  CHECK(code_of("unreachable:net") == unreachable(UnreachableCode::net));
  CHECK(code_of("unreachable:host") == unreachable(UnreachableCode::host));
  CHECK(code_of("unreachable:admin") == unreachable(UnreachableCode::admin_prohibited));
  for (const auto* text : {"unreachable:", "unreachable:moon", "unreachables"}) {
    INFO(text);
    CHECK_FALSE(parse_action(text).has_value());
  }
}

TEST_CASE("A banner's text may hold everything that a rule otherwise means", "[serve]") {
  const auto banner_of = [](std::string_view text) {
    return std::get<Banner>(std::get<Service>(parse_fallback_rule(text).value().action)).text;
  };
  CHECK(banner_of("25=banner:220 mail, = ready\\r\\n") == "220 mail, = ready\r\n");
  CHECK(banner_of("25=banner:a\\,max=5") == "a,max=5");
  CHECK(banner_of("25=banner:a\\\\,max=5") == "a\\");
  CHECK(banner_of("25=banner:delay:5:echo") == "delay:5:echo");
  CHECK(mentions(parse_action("banner:").error(), "a banner needs a text"));
  CHECK(mentions(parse_action("banner:\\q").error(), "'\\q' is no escape"));
}

TEST_CASE("A rule may wait before it acts", "[serve]") {
  const auto rule = parse_fallback_rule("*=delay:250:reject").value();
  CHECK(rule.delay == std::chrono::milliseconds(250));
  CHECK(rule.action == Action{Refusal{}});
  const auto proxy = parse_fallback_rule("*=delay:1:proxy:a:80").value();
  CHECK(std::get<ProxyTarget>(proxy.action).host == "a");
  for (const auto* text :
       {"delay:", "delay:0:echo", "delay:60001:echo", "delay:5", "delay:x:echo", "delay:-5:echo", "delay::echo"}) {
    INFO(text);
    CHECK(mentions(error_of_fallback(std::string("*=") + text), "delay needs milliseconds from 1 to 60000"));
  }
  CHECK(mentions(error_of_fallback("*=delay:5:ech"), "there is no action 'ech'"));
  CHECK(mentions(error_of_fallback("*=delay:5:delay:5:echo"), "one delay is enough"));
}

TEST_CASE("A rule's limits stand behind its action, in any order", "[serve]") {
  const auto both = parse_fallback_rule("8000-8999,22=echo,max=100,per-source=5").value();
  CHECK(both.limits == RuleLimits{100, 5, {}});
  CHECK(both.action == Action{Handler::echo});
  CHECK(both.ports.contains(22));
  CHECK(parse_fallback_rule("*=log,per-source=5,max=100").value().limits == RuleLimits{100, 5, {}});
  CHECK(parse_fallback_rule("*=log,per-source=5").value().limits == RuleLimits{{}, 5, {}});
  CHECK(parse_fallback_rule("*=proxy:a:80,max=1").value().limits == RuleLimits{1, {}, {}});
  CHECK(parse_fallback_rule("*=delay:5:drop,max=1").value().limits == RuleLimits{1, {}, {}});
  CHECK(parse_fallback_rule("*=echo").value().limits == RuleLimits{});
  CHECK(parse_fallback_rule("*=echo,over=drop,max=2").value().limits == RuleLimits{2, {}, OverLimit::drop});
  CHECK(parse_fallback_rule("*=echo,max=2,over=oldest").value().limits == RuleLimits{2, {}, OverLimit::shed_oldest});
  CHECK(parse_fallback_rule("*=echo,per-source=3,over=reset").value().limits == RuleLimits{{}, 3, OverLimit::reset});
}

TEST_CASE("A bad limit names the thing and the cure", "[serve]") {
  CHECK(mentions(error_of_fallback("*=echo,max=0"), "'max=0': a limit is a number of flows, at least 1"));
  CHECK(mentions(error_of_fallback("*=echo,max="), "'max=': a limit"));
  CHECK(mentions(error_of_fallback("*=echo,max=1,max=2"), "that limit is given twice"));
  CHECK(mentions(error_of_fallback("*=echo,mx=1"), "limits are max=N, per-source=N and over=reset|drop|oldest"));
  CHECK(mentions(error_of_fallback("*=echo,max=1,over=shed"),
                 "'over=shed': there are over=reset, over=drop and over=oldest"));
  CHECK(mentions(error_of_fallback("*=echo,over=drop,max=1,over=drop"), "'over=drop': that limit is given twice"));
  CHECK(mentions(error_of_fallback("*=echo,over=drop"), "give max=N or per-source=N with it"));
  CHECK(mentions(error_of_fallback("*=reject,max=1"), "'reject' serves none"));
  CHECK(mentions(error_of_listen("80=http,max=1"), "'http,max=1' is for --fallback"));
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
  CHECK(rule.service == Service{Handler::http});
  CHECK(rule.text == "80=http");
}

TEST_CASE("A bad listener's rule names the thing and the cure", "[serve]") {
  CHECK(error_of_listen("80=htp") ==
        "80=htp: there is no handler 'htp'; there are echo, discard, chargen, http, log, banner:TEXT");
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
        "*=rejct: there is no action 'rejct'; there are echo, discard, chargen, http, log, banner:TEXT, decline, "
        "reject, drop, unreachable[:net|host|port|admin], delay:MS:ACTION, proxy:HOST:PORT");
  CHECK(mentions(error_of_fallback("*"), "PORTS=ACTION"));
  CHECK(mentions(error_of_fallback("*="), "PORTS=ACTION"));
  CHECK(mentions(error_of_fallback("90-80=echo"), "write 80-90"));
  CHECK(mentions(error_of_fallback("70000=echo"), "'70000' is not a port"));
  CHECK(mentions(error_of_fallback("*=proxy:localhost"), "proxy:127.0.0.1:{port}"));
}
