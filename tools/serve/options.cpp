#include "tools/serve/options.hpp"

#include <charconv>
#include <utility>

#include "tools/impairment.hpp"

namespace backstop::tools {
namespace {

constexpr std::uint16_t smallest_mtu = 68;  // Why: RFC 791 asks every link to carry that much.
constexpr unsigned most_queues = 256;       // Why: a TUN device of Linux has no more.
constexpr unsigned longest_busy_poll = 1'000'000;
constexpr std::uint32_t most_connections = 1'000'000;

std::string text_of(Ipv4Address address) { return std::string(AddressText(address).view()); }

bool is_host(Ipv4Address address) {
  return !address.is_this_network() && !address.is_loopback() && !address.is_multicast() && !address.is_reserved() &&
         !address.is_limited_broadcast();
}

Parsed<Ipv4Address> parse_host(std::string_view text) {
  const auto address = parse_address(text);
  if (!address) return std::unexpected("'" + std::string(text) + "' is not an IPv4 address like 10.90.0.2");
  if (!is_host(*address)) return std::unexpected(text_of(*address) + " is not an address that a host can have");
  return *address;
}

std::uint32_t host_mask(std::uint8_t prefix) { return prefix == 0 ? 0xffff'ffff : (1u << (32 - prefix)) - 1; }

/// What is wrong with our address as the neighbour of the host's, or nothing.
std::optional<std::string> conflict(Ipv4Address address, const tun::InterfaceAddress& host) {
  if (address == host.address) {
    return text_of(address) + " is the host's own address (--host-addr); the stack needs another one";
  }
  const std::uint32_t mask = host_mask(host.prefix);
  const bool same_network = ((address.value ^ host.address.value) & ~mask) == 0;
  const bool special = (address.value & mask) == 0 || (address.value & mask) == mask;
  if (host.prefix < 31 && same_network && special) {
    return text_of(address) + " is the network or broadcast address of " + to_string(host) + "; take one between them";
  }
  return std::nullopt;
}

Parsed<void> read_addresses(const ServeArguments& arguments, ServeOptions& options) {
  const auto address = parse_host(arguments.address);
  if (!address) return std::unexpected("--addr: " + address.error());
  options.address = *address;
  if (arguments.host_address.empty()) return {};
  const auto host = parse_interface_address(arguments.host_address);
  if (!host) return std::unexpected("--host-addr: " + host.error());
  if (const auto problem = conflict(*address, *host)) return std::unexpected("--addr: " + *problem);
  options.host_address = *host;
  return {};
}

Parsed<void> read_rules(const ServeArguments& arguments, ServeOptions& options) {
  for (const auto& text : arguments.listeners) {
    if (auto added = add_listener(options.rules, "--listen", text); !added) return added;
  }
  for (const auto& text : arguments.fallbacks) {
    if (auto added = add_fallback(options.rules, "--fallback", text); !added) return added;
  }
  for (const auto& file : arguments.rules_files) {
    if (auto added = add_rules(options.rules, file); !added) return added;
  }
  return {};
}

Parsed<void> read_limits(const ServeArguments& arguments, ServeOptions& options) {
  if (arguments.mtu && *arguments.mtu < smallest_mtu) {
    return std::unexpected("--mtu " + std::to_string(*arguments.mtu) + ": the smallest is " +
                           std::to_string(smallest_mtu));
  }
  options.mtu = arguments.mtu;
  if (arguments.offload != "auto" && arguments.offload != "off") {
    return std::unexpected("--offload " + arguments.offload + ": auto or off is needed");
  }
  if (arguments.offload == "off") options.offload = tun::OffloadMode::off;
  if (arguments.queues == 0 || arguments.queues > most_queues) {
    return std::unexpected("--queues " + std::to_string(arguments.queues) + ": a device has 1 to " +
                           std::to_string(most_queues));
  }
  options.queues = arguments.queues;
  if (arguments.max_connections && (*arguments.max_connections == 0 || *arguments.max_connections > most_connections)) {
    return std::unexpected("--max-connections " + std::to_string(*arguments.max_connections) + ": 1 to " +
                           std::to_string(most_connections));
  }
  options.max_connections = arguments.max_connections;
  if (arguments.busy_poll > longest_busy_poll) {
    return std::unexpected("--busy-poll " + std::to_string(arguments.busy_poll) + ": at most " +
                           std::to_string(longest_busy_poll) + " microseconds");
  }
  options.busy_poll = std::chrono::microseconds(arguments.busy_poll);
  if (!arguments.impairment.empty()) {
    const auto faults = parse_impairment(arguments.impairment);
    if (!faults) return std::unexpected("--impair: " + faults.error());
    options.faults = *faults;
  }
  if (!arguments.duration) return {};
  constexpr double most = 1e9;  // Why: thirty years, and far from the end of a 64-bit count of nanoseconds.
  if (!(*arguments.duration > 0 && *arguments.duration <= most)) {
    return std::unexpected("--duration: a number of seconds above 0 is needed");
  }
  options.duration = std::chrono::nanoseconds(static_cast<std::int64_t>(*arguments.duration * 1e9));
  return {};
}

}  // namespace

Parsed<tun::InterfaceAddress> parse_interface_address(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) {
    return std::unexpected("'" + std::string(text) + "' lacks the length of its network, as in 10.90.0.1/24");
  }
  const auto address = parse_host(text.substr(0, slash));
  if (!address) return std::unexpected(address.error());
  const auto digits = text.substr(slash + 1);
  std::uint8_t prefix = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (error != std::errc{} || end != digits.data() + digits.size() || prefix > 32) {
    return std::unexpected("'/" + std::string(digits) + "' is not the length of a network: /0 to /32");
  }
  return tun::InterfaceAddress{*address, prefix};
}

Parsed<ServeOptions> parse_serve_arguments(const ServeArguments& arguments) {
  ServeOptions options;
  options.network_namespace = arguments.network_namespace;
  options.device = arguments.device;
  options.any_ip = arguments.any_ip;
  options.json = arguments.json;
  options.capture = arguments.capture;
  options.status_socket = arguments.status_socket;
  for (const auto read : {read_addresses, read_rules, read_limits}) {
    if (auto done = read(arguments, options); !done) return std::unexpected(done.error());
  }
  return options;
}

}  // namespace backstop::tools
