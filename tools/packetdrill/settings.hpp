// What a script's surroundings have set: the profile in packetdrill's --so_flags, and what the script's own commands
// wrote with `sysctl` and the like (tools/packetdrill/stubs). Both are key=value pairs.
// Read next: host.hpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stack/config.hpp"

namespace backstop::packetdrill {

/// The order of the options in a SYN.
enum class SynOptions : std::uint8_t { linux_order, freebsd_order };

struct Settings {
  Config config;
  SynOptions syn_options = SynOptions::linux_order;
  /// What SO_RCVBUF tells of a new socket, octets.
  std::uint32_t receive_space = 131'072;
  /// A new connection's send buffer, octets, and how far it may grow (Linux's tcp_wmem).
  std::uint32_t send_buffer = 256 << 10;
  std::uint32_t largest_send_buffer = 4 << 20;

  /// Takes one pair. False when the key is unknown or the value makes no sense.
  bool set(std::string_view key, std::string_view value);
};

/// The algorithm of a name that Linux has for it.
std::optional<CongestionAlgorithm> congestion_algorithm(std::string_view name);

/// What the stack is like before a script says more: as a Linux host with its defaults.
Settings linux_profile();
/// As a FreeBSD host with its defaults.
Settings freebsd_profile();

/// Reads --so_flags: pairs between commas or spaces, `profile=` first. What is not understood is named on stderr.
Settings parse_flags(std::string_view flags);

/// The file that the stubs append to, read again when it has grown.
class SettingsFile {
 public:
  /// The path is in the environment (BACKSTOP_PACKETDRILL_SETTINGS); without one nothing is read.
  SettingsFile();
  /// Applies the lines that are new. True when there were some.
  bool apply_new_lines(Settings& settings);
  [[nodiscard]] bool has_new_lines() const;

 private:
  std::string path_;
  std::size_t read_ = 0;
};

}  // namespace backstop::packetdrill
