#include "tests/support/kernel_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "stack/wire/checksum.hpp"
#include "stack/wire/ipv4.hpp"
#include "tests/support/packets.hpp"

namespace backstop::test {
namespace {

using SteadyClock = std::chrono::steady_clock;
using tun::checked;
using tun::FileDescriptor;

FileDescriptor new_socket(int type, int protocol = 0) {
  return FileDescriptor(checked(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), "socket"));
}

int connect_socket(const FileDescriptor& socket, const Endpoint& to) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(to.port);
  address.sin_addr.s_addr = htonl(to.address.value);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

int pending_error(const FileDescriptor& socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

/// The events that came until `limit`, or none.
short wait_for(const FileDescriptor& socket, short events, SteadyClock::time_point limit) {
  pollfd entry{socket.get(), events, 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit - SteadyClock::now());
  if (left.count() <= 0 || ::poll(&entry, 1, static_cast<int>(left.count())) <= 0) return 0;
  return entry.revents;
}

/// A transfer under way.
class Transfer {
 public:
  Transfer(const FileDescriptor& socket, const TransferPlan& plan) : socket_(socket), plan_(plan) {}

  Transferred run() {
    const auto limit = SteadyClock::now() + plan_.limit;
    while (!done()) {
      const short wanted = static_cast<short>((receiving() ? POLLIN : 0) | (sending() ? POLLOUT : 0));
      const short events = wait_for(socket_, wanted, limit);
      result_.timed_out = events == 0;
      if ((events & ~POLLOUT) != 0) receive();
      if ((events & POLLOUT) != 0) send();
    }
    return result_;
  }

 private:
  [[nodiscard]] bool sending() const { return !closed_; }
  [[nodiscard]] bool receiving() const { return !result_.ended && result_.received < plan_.receive.value_or(~0ull); }
  [[nodiscard]] bool done() const {
    return result_.timed_out || result_.error != 0 || !result_.right || (!sending() && !receiving());
  }

  void send() {
    if (result_.sent == plan_.send) {
      // One that stops at a number of octets keeps its side open: the peer may end at our FIN.
      if (!plan_.receive) ::shutdown(socket_.get(), SHUT_WR);
      closed_ = true;
      return;
    }
    const auto piece = text(result_.sent, std::min<std::uint64_t>(plan_.send - result_.sent, 64 << 10));
    const ssize_t size = ::send(socket_.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
    if (size >= 0) result_.sent += static_cast<std::uint64_t>(size);
    if (size < 0) note_error();
  }

  void receive() {
    const std::uint64_t wanted =
        std::min<std::uint64_t>(plan_.receive.value_or(~0ull) - result_.received, buffer_.size());
    const ssize_t size = ::recv(socket_.get(), buffer_.data(), wanted, 0);
    if (size < 0) return note_error();
    if (size == 0) result_.ended = true;
    const Bytes piece = Bytes{buffer_}.first(static_cast<std::size_t>(size));
    if (plan_.is_right) result_.right = plan_.is_right(result_.received, piece);
    result_.received += piece.size();
  }

  void note_error() {
    if (errno != EAGAIN && errno != EINTR) result_.error = errno;
  }

  const FileDescriptor& socket_;
  const TransferPlan& plan_;
  Transferred result_;
  bool closed_ = false;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(256 << 10);
};

}  // namespace

Connection connect_to(const Endpoint& to, Duration limit) {
  Connection connection{new_socket(SOCK_STREAM), 0, {}};
  const auto start = SteadyClock::now();
  connection.error = connect_socket(connection.socket, to);
  if (connection.error == EINPROGRESS) {
    const short events = wait_for(connection.socket, POLLOUT, start + limit);
    connection.error = events == 0 ? ETIMEDOUT : pending_error(connection.socket);
  }
  connection.time = SteadyClock::now() - start;
  return connection;
}

Transferred transfer(const FileDescriptor& socket, const TransferPlan& plan) { return Transfer(socket, plan).run(); }

bool wait_readable(const FileDescriptor& socket, Duration limit) {
  return wait_for(socket, POLLIN, SteadyClock::now() + limit) != 0;
}

std::optional<int> udp_error(const Endpoint& to, Duration limit) {
  const FileDescriptor socket = new_socket(SOCK_DGRAM);
  if (const int error = connect_socket(socket, to); error != 0) return error;
  ::send(socket.get(), "?", 1, 0);
  if ((wait_for(socket, POLLIN, SteadyClock::now() + limit) & POLLERR) == 0) return std::nullopt;
  return pending_error(socket);
}

std::optional<Duration> ping(Ipv4Address to, std::size_t size, Duration limit) {
  const FileDescriptor socket = new_socket(SOCK_RAW, IPPROTO_ICMP);
  if (connect_socket(socket, {to, 0}) != 0) return std::nullopt;
  std::vector<std::byte> request(8);
  wire::store8(request, 0, 8);  // echo
  wire::store16(request, 4, static_cast<std::uint16_t>(::getpid()));
  const auto octets = text(0, size);
  request.insert(request.end(), octets.begin(), octets.end());
  wire::Checksum checksum;
  checksum.add(request);
  wire::store16(request, 2, checksum.finish());

  const auto start = SteadyClock::now();
  ::send(socket.get(), request.data(), request.size(), 0);
  std::vector<std::byte> reply(wire::max_datagram_size);
  while (wait_for(socket, POLLIN, start + limit) != 0) {
    const ssize_t received = ::recv(socket.get(), reply.data(), reply.size(), 0);
    const auto datagram =
        wire::parse_ipv4(Bytes{reply}.first(static_cast<std::size_t>(std::max<ssize_t>(received, 0))));
    if (!datagram || datagram->payload.size() < 8 || wire::load8(datagram->payload, 0) != 0) continue;
    // Type 0, then all as in the request from the identifier on.
    if (!std::ranges::equal(datagram->payload.subspan(4), Bytes{request}.subspan(4))) return std::nullopt;
    return SteadyClock::now() - start;
  }
  return std::nullopt;
}

}  // namespace backstop::test
