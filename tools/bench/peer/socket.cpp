#include "tools/bench/peer/socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace backstop::tools::bench {
namespace {

using tun::checked;
using tun::FileDescriptor;

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (!host.empty() && ::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    throw tun::SystemError(EINVAL, "address " + host);
  }
  return address;
}

void set(const FileDescriptor& fd, int level, int option) {
  const int on = 1;
  checked(::setsockopt(fd.get(), level, option, &on, sizeof on), "setsockopt");
}

FileDescriptor new_socket(int flags) {
  FileDescriptor fd{checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), "socket")};
  set(fd, IPPROTO_TCP, TCP_NODELAY);
  return fd;
}

int connect(const FileDescriptor& fd, const Peer& peer) {
  const sockaddr_in address = address_of(peer.host, peer.port);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

void bind(const FileDescriptor& fd, const std::string& host, std::uint16_t port) {
  const sockaddr_in address = address_of(host, port);
  checked(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
}

}  // namespace

FileDescriptor listen_on(std::uint16_t port) {
  FileDescriptor fd = new_socket(SOCK_NONBLOCK);
  set(fd, SOL_SOCKET, SO_REUSEADDR);
  bind(fd, "", port);
  checked(::listen(fd.get(), 4096), "listen");
  return fd;
}

FileDescriptor connect_to(const Peer& peer) {
  FileDescriptor fd = new_socket(0);
  checked(connect(fd, peer), "connect");
  return fd;
}

FileDescriptor start_connecting(const Peer& peer, const std::string& from) {
  FileDescriptor fd = new_socket(SOCK_NONBLOCK);
  set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
  if (!from.empty()) bind(fd, from, 0);
  if (connect(fd, peer) != 0 && errno != EINPROGRESS) tun::throw_errno("connect");
  return fd;
}

double processor_seconds(int process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(stat, line);
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) throw tun::SystemError(ESRCH, "process " + std::to_string(process));
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  constexpr int before_times = 11;  // proc(5): state is field 3, utime 14 and stime 15
  for (int i = 0; i < before_times; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace backstop::tools::bench
