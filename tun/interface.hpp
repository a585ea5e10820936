// A network interface of the host as ioctl shows and sets it (netdevice(7)): address, MTU, link. No `ip` command
// needed. Read next: tun_device.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "stack/wire/address.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::tun {

/// An address and the length of its network's prefix: 10.90.0.1/24.
struct InterfaceAddress {
  Ipv4Address address;
  std::uint8_t prefix = 32;

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

/// "10.90.0.1/24".
std::string to_string(const InterfaceAddress& address);

/// Calls on one interface by name, in the network namespace of the thread that constructs it.
/// Everything throws std::system_error with the call's and the interface's name.
class Interface {
 public:
  /// Throws for a name that none can have. Whether there is such an interface only the calls below tell.
  explicit Interface(std::string name);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool exists() const;
  /// Its first IPv4 address, if it has one.
  [[nodiscard]] std::optional<InterfaceAddress> address() const;
  [[nodiscard]] std::uint16_t mtu() const;
  /// Whether it is switched on.
  [[nodiscard]] bool up() const;
  /// Whether it also has somebody at the other end, and takes packets.
  [[nodiscard]] bool running() const;

  void set_address(const InterfaceAddress& address);
  void set_mtu(std::uint16_t mtu);
  void set_up();

 private:
  [[nodiscard]] short flags() const;

  std::string name_;
  FileDescriptor socket_;
};

}  // namespace backstop::tun
