#include "tools/serve/dial.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace backstop::tools {
namespace {

int connect_to(const tun::FileDescriptor& socket, Endpoint target) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  address.sin_addr.s_addr = htonl(target.address.value);
  const int result = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return result == 0 ? 0 : errno;
}

int error_of(const tun::FileDescriptor& socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  const int result = ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return result == 0 ? error : errno;
}

}  // namespace

Dial::Dial(tun::EventLoop& loop, Endpoint target, Done done)
    : loop_(loop), done_(std::move(done)), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  const int error = socket_ ? connect_to(socket_, target) : errno;
  if (error == 0 || error == EINPROGRESS) {
    watch_ = loop_.watch(socket_.get(), EPOLLOUT, [this](std::uint32_t) { writable(); });
  } else {
    failed_ = loop_.call_after(Duration::zero(), [this, error] { finish(std::unexpected(error)); });
  }
}

void Dial::writable() {
  if (const int error = error_of(socket_); error != 0) return finish(std::unexpected(error));
  const int on = 1;  // The client's own Nagle has done its work; the relay must not add another.
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  finish(std::move(socket_));
}

void Dial::finish(Result result) {
  watch_.reset();
  Done done = std::move(done_);
  done(std::move(result));
}

std::expected<Ipv4Address, std::string> resolve(const std::string& host) {
  if (const auto address = parse_address(host)) return *address;
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) return std::unexpected("no IPv4 address for '" + host + "': " + ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  const auto* address = reinterpret_cast<const sockaddr_in*>(list->ai_addr);
  return Ipv4Address{ntohl(address->sin_addr.s_addr)};
}

}  // namespace backstop::tools
