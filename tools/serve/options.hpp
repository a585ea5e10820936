// One run of `backstop serve`, as values: what the user wrote, and what it means once every mistake has been found.
// Pure, like rules.hpp. Read next: serve.cpp, which reads the command line into ServeArguments.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stack/wire/address.hpp"
#include "tools/serve/rules.hpp"
#include "tools/serve/rules_file.hpp"
#include "tun/fault_injector.hpp"
#include "tun/interface.hpp"
#include "tun/tun_device.hpp"

namespace backstop::tools {

/// As written on the command line.
struct ServeArguments {
  std::string network_namespace;
  std::string device;
  std::string host_address;
  std::string address;
  std::vector<std::string> listeners;
  std::vector<std::string> fallbacks;
  std::vector<RulesFile> rules_files;  ///< asked after those above
  std::optional<std::uint16_t> mtu;
  std::string offload = "auto";
  unsigned queues = 1;
  unsigned busy_poll = 0;  ///< microseconds
  std::optional<std::uint32_t> max_connections;
  std::optional<double> duration;  ///< seconds
  std::string capture;
  std::string impairment;
  std::string status_socket;
  bool any_ip = false;
  bool json = false;
  bool check = false;  ///< and no more
};

struct ServeOptions {
  std::string network_namespace;  ///< empty: the one we are in
  std::string device;
  std::optional<tun::InterfaceAddress> host_address;
  Ipv4Address address;
  bool any_ip = false;
  std::optional<std::uint16_t> mtu;  ///< octets
  tun::OffloadMode offload = tun::OffloadMode::automatic;
  unsigned queues = 1;                           ///< of the device, each with a stack and a thread of its own
  std::chrono::microseconds busy_poll{};         ///< how long to ask the device in vain before sleeping
  std::optional<std::uint32_t> max_connections;  ///< of each stack; absent: the stack's own default
  Rules rules;
  std::string capture;  ///< file to write packets to; "-" is stdout, empty is none
  std::optional<tun::FaultOptions> faults;
  std::string status_socket;  ///< path; empty is none
  bool json = false;
  std::optional<std::chrono::nanoseconds> duration;

  [[nodiscard]] bool captures_to_stdout() const { return capture == "-"; }
};

/// Reads `arguments`; an error is one line that names the option, the thing and the cure.
Parsed<ServeOptions> parse_serve_arguments(const ServeArguments& arguments);

/// "10.90.0.1/24".
Parsed<tun::InterfaceAddress> parse_interface_address(std::string_view text);

}  // namespace backstop::tools
