#include "tools/bench/peer/clients.hpp"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <vector>

#include "tools/bench/case.hpp"
#include "tools/bench/runner.hpp"

namespace backstop::tools::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
using tun::checked;
using tun::FileDescriptor;

constexpr std::size_t piece = 256 << 10;

/// Octets that move for a while, and what the server's processor does meanwhile.
class Transfer {
 public:
  Transfer(Time time, int server)
      : server_(server), processor_(processor_seconds(server)), begin_(Clock::now()), end_(begin_ + time) {}

  [[nodiscard]] bool over() const { return Clock::now() >= end_; }
  [[nodiscard]] Measured result(double octets) const {
    const Seconds taken = Clock::now() - begin_;
    require(octets > 0, "nothing was transferred");
    return {octets * 8 / 1e9 / taken.count(), (processor_seconds(server_) - processor_) / (octets / 1e9)};
  }

 private:
  int server_;
  double processor_;
  Clock::time_point begin_;
  Clock::time_point end_;
};

void exchange_octet(const FileDescriptor& fd) {
  char octet = 'x';
  require(::send(fd.get(), &octet, 1, MSG_NOSIGNAL) == 1 && ::recv(fd.get(), &octet, 1, 0) == 1, "no echo");
}

/// Connections that are being made, used and closed, so many at a time. Few system calls: what the client costs is in
/// the figures of both servers.
class Connector {
 public:
  explicit Connector(std::string host)
      : host_(std::move(host)), epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {}

  void start() {
    FileDescriptor socket = start_connecting({host_, 7}, "");
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.fd = socket.get();
    checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event), "epoll_ctl");
    const auto number = static_cast<std::size_t>(socket.get());
    if (number >= attempts_.size()) attempts_.resize(number + 1);
    attempts_[number] = {std::move(socket), false};
  }

  // Returns how many connections ended; each is followed by a new one.
  int turn() {
    std::array<epoll_event, 64> events;
    const int count = checked(::epoll_wait(epoll_.get(), events.data(), 64, 1000), "epoll_wait");
    require(count > 0, "no connection makes progress");
    int ended = 0;
    for (int i = 0; i < count; ++i) ended += handle(events[static_cast<std::size_t>(i)]) ? 1 : 0;
    return ended;
  }

 private:
  struct Attempt {
    FileDescriptor socket;
    bool has_sent = false;
  };

  bool handle(const epoll_event& event) {
    require((event.events & EPOLLERR) == 0, "a connection failed");
    Attempt& attempt = attempts_[static_cast<std::size_t>(event.data.fd)];
    char octet = 'x';
    if (!attempt.has_sent) {
      require(::send(event.data.fd, &octet, 1, MSG_NOSIGNAL) == 1, "an octet cannot be sent");
      attempt.has_sent = true;
      return false;
    }
    if ((event.events & EPOLLIN) == 0) return false;
    require(::recv(event.data.fd, &octet, 1, 0) == 1, "no echo");
    attempt.socket.reset();
    start();
    return true;
  }

  std::string host_;
  FileDescriptor epoll_;
  std::vector<Attempt> attempts_;  // by descriptor
};

}  // namespace

Measured send(const std::string& host, Time time, int server) {
  const FileDescriptor fd = connect_to({host, 9});
  const std::vector<char> text(piece, 'x');
  const Transfer transfer(time, server);
  double octets = 0;
  while (!transfer.over()) {
    octets += checked(static_cast<int>(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL)), "send");
  }
  int unacknowledged = 0;
  checked(::ioctl(fd.get(), SIOCOUTQ, &unacknowledged), "SIOCOUTQ");
  return transfer.result(octets - unacknowledged);
}

Measured receive(const std::string& host, Time time, int server) {
  const FileDescriptor fd = connect_to({host, 19});
  std::vector<char> text(piece);
  const Transfer transfer(time, server);
  double octets = 0;
  while (!transfer.over()) {
    const int size = checked(static_cast<int>(::recv(fd.get(), text.data(), text.size(), 0)), "recv");
    require(size > 0, "chargen has ended");
    octets += size;
  }
  return transfer.result(octets);
}

Measured round_trips(const std::string& host, Time time) {
  const FileDescriptor fd = connect_to({host, 7});
  const auto begin = Clock::now();
  double count = 0;
  for (; Clock::now() < begin + time; ++count) exchange_octet(fd);
  return {count / Seconds(Clock::now() - begin).count()};
}

Measured connections(const std::string& host, Time time, int at_a_time) {
  Connector connector(host);
  for (int i = 0; i < at_a_time; ++i) connector.start();
  const auto begin = Clock::now();
  double count = 0;
  while (Clock::now() < begin + time) count += connector.turn();
  return {count / Seconds(Clock::now() - begin).count()};
}

void hold_idle(const std::string& host, int count, const std::string& from) {
  constexpr int at_a_time = 200;
  rlimit files{};
  checked(::getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
  files.rlim_cur = files.rlim_max;
  checked(::setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
  std::vector<FileDescriptor> sockets;
  std::size_t established = 0;
  const auto wait_until_under_way = [&](std::size_t most) {
    for (; sockets.size() - established > most; ++established) {
      pollfd ready{sockets[established].get(), POLLOUT, 0};
      require(::poll(&ready, 1, 10'000) == 1 && (ready.revents & POLLERR) == 0, "an idle connection cannot be made");
    }
  };
  while (sockets.size() < static_cast<std::size_t>(count)) {
    sockets.push_back(start_connecting({host, 7}, from));
    wait_until_under_way(at_a_time);
  }
  wait_until_under_way(0);
  std::cout << "ready" << std::endl;
  for (;;) ::pause();
}

Measured connect_time(const Peer& peer, int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const auto begin = Clock::now();
    const FileDescriptor fd = connect_to(peer);
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    exchange_octet(fd);
  }
  return {median(times)};
}

}  // namespace backstop::tools::bench
