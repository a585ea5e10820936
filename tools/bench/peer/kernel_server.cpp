#include "tools/bench/peer/kernel_server.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <map>
#include <span>
#include <vector>

#include "tools/bench/peer/socket.hpp"

namespace backstop::tools::bench {
namespace {

using tun::checked;
using tun::FileDescriptor;

enum class Service : std::uint16_t { echo = 7, discard = 9, chargen = 19 };

class KernelServer {
 public:
  KernelServer() : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
    for (const Service service : {Service::echo, Service::discard, Service::chargen}) {
      add(listen_on(static_cast<std::uint16_t>(service)), service, EPOLLIN, true);
    }
  }

  [[noreturn]] void run() {
    for (;;) {
      std::array<epoll_event, 64> events;
      const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
    }
  }

 private:
  struct Socket {
    FileDescriptor fd;
    Service service;
    bool listens;
  };

  void add(FileDescriptor fd, Service service, std::uint32_t events, bool listens) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd.get();
    checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event), "epoll_ctl");
    const int number = fd.get();
    sockets_.emplace(number, Socket{std::move(fd), service, listens});
  }

  void handle(const epoll_event& event) {
    const auto found = sockets_.find(event.data.fd);
    if (found == sockets_.end()) return;
    if (found->second.listens) return accept_all(found->second);
    const bool alive = (event.events & (EPOLLERR | EPOLLHUP)) == 0 && serve(found->second);
    if (!alive) sockets_.erase(found);
  }

  void accept_all(const Socket& listener) {
    for (;;) {
      FileDescriptor fd{::accept4(listener.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
      if (!fd) return;
      add(std::move(fd), listener.service, listener.service == Service::chargen ? EPOLLIN | EPOLLOUT : EPOLLIN, false);
    }
  }

  // Whether the connection goes on.
  bool serve(const Socket& socket) {
    const ssize_t size = ::recv(socket.fd.get(), buffer_.data(), buffer_.size(), 0);
    if (size == 0 || (size < 0 && errno != EAGAIN)) return false;
    if (socket.service == Service::chargen) return send_all(socket, buffer_);
    if (size < 0 || socket.service == Service::discard) return true;
    return send_all(socket, std::span(buffer_).first(static_cast<std::size_t>(size)));
  }

  // As much as there is room for. A client that sends more than it reads loses some of its echo: the bench's do not.
  static bool send_all(const Socket& socket, std::span<const char> text) {
    const ssize_t sent = ::send(socket.fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    return sent >= 0 || errno == EAGAIN;
  }

  FileDescriptor epoll_;
  std::map<int, Socket> sockets_;
  std::vector<char> buffer_ = std::vector<char>(256 << 10, 'x');
};

}  // namespace

void serve_with_the_kernel() { KernelServer{}.run(); }

}  // namespace backstop::tools::bench
