// The rules of `backstop serve` as values: which port is listened on, and what happens to flows nobody listens for.
//
//   --listen   PORT=HANDLER     80=http
//   --fallback PORTS=ACTION     8000-8999,22=proxy:127.0.0.1:{port}
//
// Pure: nothing here touches the system, so every error is found before anything is made.
// Read next: options.hpp, which holds the rules of one run.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stack/wire/address.hpp"

namespace backstop::tools {

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

/// What is said about a flow without serving it.
enum class PlainAction : std::uint8_t {
  decline,  ///< the next rule is asked
  reject,   ///< RST
  drop,     ///< silence
};

/// Dial `host`, and carry bytes between it and the client.
struct ProxyTarget {
  std::string host;
  Ipv4Address address{};              ///< of the host, once it has been looked up
  std::optional<std::uint16_t> port;  ///< nothing: the port that the client asked for, written {port}

  [[nodiscard]] std::uint16_t port_for(std::uint16_t asked) const { return port.value_or(asked); }
  friend bool operator==(const ProxyTarget&, const ProxyTarget&) = default;
};

using Action = std::variant<Handler, PlainAction, ProxyTarget>;

struct ListenRule {
  std::uint16_t port = 0;
  Handler handler{};
  std::string text;  ///< as it was written
};

struct FallbackRule {
  PortSet ports;
  Action action;
  std::string text;  ///< as it was written
};

/// A parsed value, or one line that names what is wrong and what would be right.
template <class T>
using Parsed = std::expected<T, std::string>;

/// "80", "8000-8999", "22,80,8000-8999" or "*".
Parsed<PortSet> parse_ports(std::string_view text);
/// A handler's name, "decline", "reject", "drop", or "proxy:HOST:PORT".
Parsed<Action> parse_action(std::string_view text);
Parsed<ListenRule> parse_listen_rule(std::string_view text);
Parsed<FallbackRule> parse_fallback_rule(std::string_view text);

std::string_view to_string(Handler handler);

}  // namespace backstop::tools
