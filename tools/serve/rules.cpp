#include "tools/serve/rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "tools/serve/escapes.hpp"

namespace backstop::tools {
namespace {

template <class Value>
struct Named {
  std::string_view name;
  Value value;
};

constexpr std::array<Named<Handler>, 4> handlers{
    {{"echo", Handler::echo}, {"discard", Handler::discard}, {"chargen", Handler::chargen}, {"http", Handler::http}}};

constexpr Refusal unreachable_by(wire::UnreachableCode code) { return {Refusal::Kind::unreachable, code}; }

constexpr std::array<Named<Refusal>, 7> refusals{
    {{"reject", {}},
     {"drop", {Refusal::Kind::drop}},
     {"unreachable", unreachable_by(wire::UnreachableCode::port)},
     {"unreachable:net", unreachable_by(wire::UnreachableCode::net)},
     {"unreachable:host", unreachable_by(wire::UnreachableCode::host)},
     {"unreachable:port", unreachable_by(wire::UnreachableCode::port)},
     {"unreachable:admin", unreachable_by(wire::UnreachableCode::admin_prohibited)}}};

constexpr std::array<Named<OverLimit>, 3> over_limits{
    {{"reset", OverLimit::reset}, {"drop", OverLimit::drop}, {"oldest", OverLimit::shed_oldest}}};

constexpr std::string_view handler_list = "echo, discard, chargen, http, log, banner:TEXT";
constexpr std::string_view verdict_list =
    "decline, reject, drop, unreachable[:net|host|port|admin], delay:MS:ACTION, proxy:HOST:PORT";
constexpr std::string_view banner_prefix = "banner:";
constexpr std::string_view delay_prefix = "delay:";
constexpr std::string_view proxy_prefix = "proxy:";
constexpr std::string_view asked_port = "{port}";
constexpr unsigned longest_delay = 60'000;  // Why: a client of today has sent its last SYN by then.

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

/// A line about a rule begins with the rule, so that one of many is found again.
std::unexpected<std::string> about(std::string_view rule, const std::string& message) {
  return std::unexpected(std::string(rule) + ": " + message);
}

/// A line about the rule `text`, with the place in front of it.
std::string placed(const std::string& place, std::string_view text, const std::string& line) {
  return place + (text.empty() ? "" : " ") + line;
}

template <class Names>
auto find_name(const Names& names, std::string_view name) {
  const auto* found = std::ranges::find(names, name, [](const auto& entry) { return entry.name; });
  return found == names.end() ? nullptr : found;
}

/// A number from 1 to `most`, and nothing else.
std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1 || number > most) return std::nullopt;
  return number;
}

/// Takes `prefix` off the front, if it is there.
bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

Parsed<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_number(text, 65'535);
  if (!number) return std::unexpected(quoted(text) + " is not a port: ports are numbers from 1 to 65535");
  return static_cast<std::uint16_t>(*number);
}

/// "80" or "8000-8999".
Parsed<PortSet::Range> parse_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_port(text.substr(0, dash));
  if (!first) return std::unexpected(first.error());
  if (dash == std::string_view::npos) return PortSet::Range{*first, *first};
  const auto last = parse_port(text.substr(dash + 1));
  if (!last) return std::unexpected(last.error());
  if (*last < *first) {
    return std::unexpected("the range " + quoted(text) + " runs backwards: write " + std::to_string(*last) + "-" +
                           std::to_string(*first));
  }
  return PortSet::Range{*first, *last};
}

Parsed<Action> parse_proxy(std::string_view target) {
  const auto colon = target.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return std::unexpected(
        "proxy needs HOST:PORT, as in proxy:127.0.0.1:8080, or proxy:127.0.0.1:{port} for the port asked for");
  }
  ProxyTarget proxy{.host = std::string(target.substr(0, colon)), .address = {}, .port = std::nullopt};
  const auto port_text = target.substr(colon + 1);
  if (port_text == asked_port) return proxy;
  const auto port = parse_port(port_text);
  if (!port) return std::unexpected(port.error() + "; {port} stands for the port asked for");
  proxy.port = *port;
  return proxy;
}

/// A service by its name. Nothing when `text` names none.
Parsed<std::optional<Service>> parse_service(std::string_view text) {
  if (const auto* found = find_name(handlers, text)) return found->value;
  if (text == "log") return Log{};
  if (!take_prefix(text, banner_prefix)) return std::nullopt;
  auto banner = unescaped(text);
  if (!banner) return std::unexpected(banner.error());
  if (banner->empty()) return std::unexpected("a banner needs a text, as in banner:hello\\r\\n");
  return Banner{std::move(*banner)};
}

/// The two sides of LEFT=RIGHT; nothing when a side is missing.
std::optional<std::pair<std::string_view, std::string_view>> split_rule(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) return std::nullopt;
  return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

/// Takes "delay:MS:" off the front of an action, if it is there.
Parsed<std::chrono::milliseconds> take_delay(std::string_view& action) {
  if (!take_prefix(action, delay_prefix)) return std::chrono::milliseconds{0};
  const auto colon = action.find(':');
  const auto number = parse_number(action.substr(0, colon), longest_delay);
  if (!number || colon == std::string_view::npos) {
    return std::unexpected("delay needs milliseconds from 1 to " + std::to_string(longest_delay) +
                           " and an action, as in delay:250:echo");
  }
  action.remove_prefix(colon + 1);
  if (action.starts_with(delay_prefix)) return std::unexpected("one delay is enough: write the sum");
  return std::chrono::milliseconds{*number};
}

/// Where the last comma is that is not escaped.
std::size_t last_comma(std::string_view text) {
  for (auto comma = text.rfind(','); comma != std::string_view::npos && comma > 0; comma = text.rfind(',', comma - 1)) {
    const auto before = text.find_last_not_of('\\', comma - 1);
    const auto backslashes = before == std::string_view::npos ? comma : comma - 1 - before;
    if (backslashes % 2 == 0) return comma;
  }
  return std::string_view::npos;
}

/// What "max=N", "per-source=N" or "over=POLICY" says; false when it is none of them.
Parsed<bool> take_limit(RuleLimits& limits, std::string_view text) {
  std::string_view value = text;
  const bool over = take_prefix(value, "over=");
  const bool max = !over && take_prefix(value, "max=");
  if (!over && !max && !take_prefix(value, "per-source=")) return false;
  auto& number = max ? limits.max : limits.per_source;
  if (over ? limits.over.has_value() : number.has_value())
    return std::unexpected(quoted(text) + ": that limit is given twice");
  if (!over) {
    number = parse_number(value, 1'000'000'000);
    if (!number) return std::unexpected(quoted(text) + ": a limit is a number of flows, at least 1");
    return true;
  }
  const auto* policy = find_name(over_limits, value);
  if (policy == nullptr) return std::unexpected(quoted(text) + ": there are over=reset, over=drop and over=oldest");
  limits.over = policy->value;
  return true;
}

/// Takes the limits off the end of an action.
Parsed<RuleLimits> take_limits(std::string_view& action) {
  RuleLimits limits;
  for (auto comma = last_comma(action); comma != std::string_view::npos; comma = last_comma(action)) {
    const auto taken = take_limit(limits, action.substr(comma + 1));
    if (!taken) return std::unexpected(taken.error());
    if (!*taken) break;
    action = action.substr(0, comma);
  }
  if (limits.over && !limits.max && !limits.per_source)
    return std::unexpected("over= says what becomes of flows over a limit; give max=N or per-source=N with it");
  return limits;
}

bool holds_flows(const FallbackRule& rule) {
  return rule.delay.count() > 0 || std::holds_alternative<Service>(rule.action) ||
         std::holds_alternative<ProxyTarget>(rule.action);
}

}  // namespace

bool PortSet::contains(std::uint16_t port) const {
  return std::ranges::any_of(ranges_, [port](Range range) { return range.first <= port && port <= range.last; });
}

Parsed<PortSet> parse_ports(std::string_view text) {
  if (text == "*") return PortSet::all();
  std::vector<PortSet::Range> ranges;
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    const auto range = parse_range(text.substr(0, comma));
    if (!range) return std::unexpected(range.error());
    ranges.push_back(*range);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return PortSet(std::move(ranges));
}

Parsed<Action> parse_action(std::string_view text) {
  auto service = parse_service(text);
  if (!service) return std::unexpected(service.error());
  if (*service) return std::move(**service);
  if (text == "decline") return Decline{};
  if (const auto* found = find_name(refusals, text)) return found->value;
  if (take_prefix(text, proxy_prefix)) return parse_proxy(text);
  std::string message = "there is no action " + quoted(text) + "; there are " + std::string(handler_list) + ", " +
                        std::string(verdict_list);
  if (text.find(',') != std::string_view::npos)
    message += "; limits are max=N, per-source=N and over=reset|drop|oldest";
  return std::unexpected(message);
}

Parsed<ListenRule> parse_listen_rule(std::string_view text) {
  const auto sides = split_rule(text);
  if (!sides) return about(text, "a listener is PORT=HANDLER, as in 80=http");
  const auto port = parse_port(sides->first);
  if (!port) return about(text, port.error());
  auto service = parse_service(sides->second);
  if (!service) return about(text, service.error());
  if (!*service) {
    const bool is_action = parse_fallback_rule("*=" + std::string(sides->second)).has_value();
    const std::string rest = std::string(handler_list);
    return about(text, is_action ? quoted(sides->second) + " is for --fallback; a listener needs a handler: " + rest
                                 : "there is no handler " + quoted(sides->second) + "; there are " + rest);
  }
  return ListenRule{.port = *port, .service = std::move(**service), .text = std::string(text), .origin = {}};
}

Parsed<FallbackRule> parse_fallback_rule(std::string_view text) {
  const auto sides = split_rule(text);
  if (!sides) return about(text, "a fallback rule is PORTS=ACTION, as in 8000-8999=echo or '*=reject'");
  auto ports = parse_ports(sides->first);
  if (!ports) return about(text, ports.error());
  std::string_view words = sides->second;
  const auto limits = take_limits(words);
  if (!limits) return about(text, limits.error());
  const auto delay = take_delay(words);
  if (!delay) return about(text, delay.error());
  auto action = parse_action(words);
  if (!action) return about(text, action.error());
  FallbackRule rule{.ports = std::move(*ports),
                    .delay = *delay,
                    .action = std::move(*action),
                    .limits = *limits,
                    .text = std::string(text),
                    .origin = {}};
  if (*limits != RuleLimits{} && !holds_flows(rule)) {
    return about(text, "max= and per-source= limit flows that are served, and " + quoted(words) + " serves none");
  }
  return rule;
}

Parsed<void> add_listener(Rules& rules, const std::string& place, std::string_view text) {
  auto rule = parse_listen_rule(text);
  if (!rule) return std::unexpected(placed(place, text, rule.error()));
  rule->origin = place + " " + rule->text;
  const auto other = std::ranges::find(rules.listeners, rule->port, &ListenRule::port);
  if (other != rules.listeners.end()) {
    return about(rule->origin, "port " + std::to_string(rule->port) + " has a listener already (" + other->text +
                                   "); a port takes one");
  }
  rules.listeners.push_back(std::move(*rule));
  return {};
}

Parsed<void> add_fallback(Rules& rules, const std::string& place, std::string_view text) {
  auto rule = parse_fallback_rule(text);
  if (!rule) return std::unexpected(placed(place, text, rule.error()));
  rule->origin = place + " " + rule->text;
  rules.fallbacks.push_back(std::move(*rule));
  return {};
}

}  // namespace backstop::tools
