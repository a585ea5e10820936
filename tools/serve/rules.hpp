// The rules of `backstop serve` as values: which port is listened on, and what happens to flows nobody listens for.
//
//   --listen   PORT=HANDLER             80=http
//   --fallback PORTS=ACTION[,LIMITS]    8000-8999,22=proxy:127.0.0.1:{port},max=100,per-source=5,over=drop
//
// Pure: nothing here touches the system, so every error is found before anything is made.
// Read next: rules_file.hpp, many of them in a file; options.hpp, which holds the rules of one run.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fallback/decision.hpp"
#include "fallback/limits.hpp"
#include "stack/wire/address.hpp"

namespace backstop::tools {

/// A parsed value, or one line that names what is wrong and what would be right.
template <class T>
using Parsed = std::expected<T, std::string>;

/// A set of ports from 1 to 65535, kept as ranges.
class PortSet {
 public:
  struct Range {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    friend bool operator==(const Range&, const Range&) = default;
  };

  static PortSet all() { return PortSet({{1, 65'535}}); }
  explicit PortSet(std::vector<Range> ranges) : ranges_(std::move(ranges)) {}

  [[nodiscard]] bool contains(std::uint16_t port) const;

  friend bool operator==(const PortSet&, const PortSet&) = default;

 private:
  std::vector<Range> ranges_;
};

/// What serves a connection once it is accepted.
enum class Handler : std::uint8_t { echo, discard, chargen, http };

/// Says `text`, and closes.
struct Banner {
  std::string text;

  friend bool operator==(const Banner&, const Banner&) = default;
};

/// Records who came and what they said first, and closes.
struct Log {
  friend bool operator==(const Log&, const Log&) = default;
};

using Service = std::variant<Handler, Banner, Log>;

/// The next rule is asked.
struct Decline {
  friend bool operator==(const Decline&, const Decline&) = default;
};

/// Dial `host`, and carry bytes between it and the client.
struct ProxyTarget {
  std::string host;
  Ipv4Address address{};              ///< of the host, once it has been looked up
  std::optional<std::uint16_t> port;  ///< nothing: the port that the client asked for, written {port}

  [[nodiscard]] std::uint16_t port_for(std::uint16_t asked) const { return port.value_or(asked); }
  friend bool operator==(const ProxyTarget&, const ProxyTarget&) = default;
};

using Action = std::variant<Service, Decline, Refusal, ProxyTarget>;

struct ListenRule {
  std::uint16_t port = 0;
  Service service;
  std::string text;    ///< as it was written
  std::string origin;  ///< where, and the text: what an error about it begins with
};

/// Of a rule's flows that are served, or held until they are decided about.
struct RuleLimits {
  std::optional<std::uint32_t> max;
  std::optional<std::uint32_t> per_source;
  std::optional<OverLimit> over;  ///< what becomes of more; reset unless given

  friend bool operator==(const RuleLimits&, const RuleLimits&) = default;
};

struct FallbackRule {
  PortSet ports;
  std::chrono::milliseconds delay{};  ///< before the action
  Action action;
  RuleLimits limits;
  std::string text;    ///< as it was written
  std::string origin;  ///< where, and the text: what an error about it begins with
};

struct Rules {
  std::vector<ListenRule> listeners;
  std::vector<FallbackRule> fallbacks;
};

/// "80", "8000-8999", "22,80,8000-8999" or "*".
Parsed<PortSet> parse_ports(std::string_view text);
/// What can follow PORTS= but for the delay and the limits.
Parsed<Action> parse_action(std::string_view text);
Parsed<ListenRule> parse_listen_rule(std::string_view text);
Parsed<FallbackRule> parse_fallback_rule(std::string_view text);

/// Parses a rule that stands at `place` ("--listen", or "FILE:LINE: listen") and adds it. An error begins with both.
Parsed<void> add_listener(Rules& rules, const std::string& place, std::string_view text);
Parsed<void> add_fallback(Rules& rules, const std::string& place, std::string_view text);

}  // namespace backstop::tools
