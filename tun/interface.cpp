#include "tun/interface.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace backstop::tun {
namespace {

ifreq request_for(const std::string& name) {
  ifreq request{};
  std::ranges::copy(name, request.ifr_name);
  return request;
}

sockaddr to_sockaddr(Ipv4Address address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(address.value);
  return std::bit_cast<sockaddr>(in);
}

Ipv4Address from_sockaddr(const sockaddr& address) {
  return {ntohl(std::bit_cast<sockaddr_in>(address).sin_addr.s_addr)};
}

constexpr std::uint32_t mask_of(std::uint8_t prefix) {
  return prefix == 0 ? 0 : std::numeric_limits<std::uint32_t>::max() << (32 - prefix);
}

bool try_call(const FileDescriptor& socket, unsigned long code, ifreq& request) {
  return ::ioctl(socket.get(), code, &request) == 0;
}

void call(const FileDescriptor& socket, unsigned long code, const char* code_name, ifreq& request) {
  if (try_call(socket, code, request)) return;
  throw_errno(std::string(code_name) + " " + std::string(request.ifr_name),
              errno == EPERM ? "run as root or with CAP_NET_ADMIN" : "");
}

}  // namespace

std::string to_string(const InterfaceAddress& address) {
  return std::string(AddressText(address.address).view()) + "/" + std::to_string(address.prefix);
}

Interface::Interface(std::string name) : name_(std::move(name)) {
  if (name_.empty()) throw SystemError(EINVAL, "interface ''", "give it a name");
  if (name_.size() >= IFNAMSIZ) throw SystemError(ENAMETOOLONG, "interface '" + name_ + "'", "15 characters at most");
  socket_ = FileDescriptor(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
}

bool Interface::exists() const {
  ifreq request = request_for(name_);
  return try_call(socket_, SIOCGIFINDEX, request);
}

std::optional<InterfaceAddress> Interface::address() const {
  ifreq request = request_for(name_);
  if (!try_call(socket_, SIOCGIFADDR, request)) {
    if (errno == EADDRNOTAVAIL) return std::nullopt;
    throw_errno("SIOCGIFADDR " + name_);
  }
  const Ipv4Address address = from_sockaddr(request.ifr_addr);
  call(socket_, SIOCGIFNETMASK, "SIOCGIFNETMASK", request);
  const std::uint32_t mask = from_sockaddr(request.ifr_netmask).value;
  return InterfaceAddress{address, static_cast<std::uint8_t>(std::countl_one(mask))};
}

std::uint16_t Interface::mtu() const {
  ifreq request = request_for(name_);
  call(socket_, SIOCGIFMTU, "SIOCGIFMTU", request);
  return static_cast<std::uint16_t>(std::clamp(request.ifr_mtu, 0, int{std::numeric_limits<std::uint16_t>::max()}));
}

short Interface::flags() const {
  ifreq request = request_for(name_);
  call(socket_, SIOCGIFFLAGS, "SIOCGIFFLAGS", request);
  return request.ifr_flags;
}

bool Interface::up() const { return (flags() & IFF_UP) != 0; }

bool Interface::running() const { return (flags() & IFF_RUNNING) != 0; }

void Interface::set_address(const InterfaceAddress& address) {
  ifreq request = request_for(name_);
  request.ifr_addr = to_sockaddr(address.address);
  call(socket_, SIOCSIFADDR, "SIOCSIFADDR", request);
  request.ifr_netmask = to_sockaddr({mask_of(address.prefix)});
  call(socket_, SIOCSIFNETMASK, "SIOCSIFNETMASK", request);
}

void Interface::set_mtu(std::uint16_t mtu) {
  ifreq request = request_for(name_);
  request.ifr_mtu = mtu;
  call(socket_, SIOCSIFMTU, "SIOCSIFMTU", request);
}

void Interface::set_up() {
  ifreq request = request_for(name_);
  request.ifr_flags = static_cast<short>(flags() | IFF_UP);
  call(socket_, SIOCSIFFLAGS, "SIOCSIFFLAGS", request);
}

}  // namespace backstop::tun
