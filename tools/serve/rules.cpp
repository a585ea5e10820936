#include "tools/serve/rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace backstop::tools {
namespace {

struct HandlerName {
  std::string_view name;
  Handler handler;
};
constexpr std::array handler_names{HandlerName{"echo", Handler::echo}, HandlerName{"discard", Handler::discard},
                                   HandlerName{"chargen", Handler::chargen}, HandlerName{"http", Handler::http}};

struct PlainActionName {
  std::string_view name;
  PlainAction action;
};
constexpr std::array plain_action_names{PlainActionName{"decline", PlainAction::decline},
                                        PlainActionName{"reject", PlainAction::reject},
                                        PlainActionName{"drop", PlainAction::drop}};

constexpr std::string_view handler_list = "echo, discard, chargen, http";
constexpr std::string_view proxy_prefix = "proxy:";
constexpr std::string_view asked_port = "{port}";

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

/// A line about a rule begins with the rule, so that one of many is found again.
std::unexpected<std::string> about(std::string_view rule, const std::string& message) {
  return std::unexpected(std::string(rule) + ": " + message);
}

template <class Names>
auto find_name(const Names& names, std::string_view name) {
  const auto* found = std::ranges::find(names, name, [](const auto& entry) { return entry.name; });
  return found == names.end() ? nullptr : found;
}

Parsed<std::uint16_t> parse_port(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  if (!is_number || number < 1 || number > 65'535) {
    return std::unexpected(quoted(text) + " is not a port: ports are numbers from 1 to 65535");
  }
  return static_cast<std::uint16_t>(number);
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

/// The two sides of LEFT=RIGHT; nothing when a side is missing.
std::optional<std::pair<std::string_view, std::string_view>> split_rule(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) return std::nullopt;
  return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

Parsed<Handler> parse_handler(std::string_view text) {
  if (const auto* found = find_name(handler_names, text)) return found->handler;
  const bool is_action = find_name(plain_action_names, text) != nullptr || text.starts_with(proxy_prefix);
  if (is_action) {
    return std::unexpected(quoted(text) +
                           " is for --fallback; a listener needs a handler: " + std::string(handler_list));
  }
  return std::unexpected("there is no handler " + quoted(text) + "; there are " + std::string(handler_list));
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
  if (const auto* found = find_name(handler_names, text)) return found->handler;
  if (const auto* found = find_name(plain_action_names, text)) return found->action;
  if (text.starts_with(proxy_prefix)) return parse_proxy(text.substr(proxy_prefix.size()));
  return std::unexpected("there is no action " + quoted(text) + "; there are " + std::string(handler_list) +
                         ", decline, reject, drop, proxy:HOST:PORT");
}

Parsed<ListenRule> parse_listen_rule(std::string_view text) {
  const auto sides = split_rule(text);
  if (!sides) return about(text, "a listener is PORT=HANDLER, as in 80=http");
  const auto port = parse_port(sides->first);
  if (!port) return about(text, port.error());
  const auto handler = parse_handler(sides->second);
  if (!handler) return about(text, handler.error());
  return ListenRule{.port = *port, .handler = *handler, .text = std::string(text)};
}

Parsed<FallbackRule> parse_fallback_rule(std::string_view text) {
  const auto sides = split_rule(text);
  if (!sides) return about(text, "a fallback rule is PORTS=ACTION, as in 8000-8999=echo or '*=reject'");
  auto ports = parse_ports(sides->first);
  if (!ports) return about(text, ports.error());
  auto action = parse_action(sides->second);
  if (!action) return about(text, action.error());
  return FallbackRule{.ports = std::move(*ports), .action = std::move(*action), .text = std::string(text)};
}

std::string_view to_string(Handler handler) {
  const auto* found = std::ranges::find(handler_names, handler, &HandlerName::handler);
  return found == handler_names.end() ? "?" : found->name;
}

}  // namespace backstop::tools
