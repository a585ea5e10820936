#include "tools/packetdrill/calls.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace backstop::packetdrill {
namespace {

std::unexpected<int> fails(int error) { return std::unexpected{error}; }

std::expected<Endpoint, int> endpoint_of(const sockaddr* address, socklen_t size) {
  if (address == nullptr) return fails(EFAULT);
  if (size < sizeof(sockaddr_in)) return fails(EINVAL);
  if (address->sa_family != AF_INET) return fails(EAFNOSUPPORT);
  sockaddr_in in{};
  std::memcpy(&in, address, sizeof in);
  return Endpoint{{ntohl(in.sin_addr.s_addr)}, ntohs(in.sin_port)};
}

void store_endpoint(const Endpoint& endpoint, sockaddr* address, socklen_t* size) {
  if (address == nullptr || size == nullptr) return;
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(endpoint.address.value);
  in.sin_port = htons(endpoint.port);
  std::memcpy(address, &in, std::min<std::size_t>(*size, sizeof in));
  *size = sizeof in;
}

}  // namespace

int errno_of(Error error) {
  switch (error) {
    case Error::would_block:
      return EAGAIN;
    case Error::connection_does_not_exist:
      return ENOTCONN;
    case Error::connection_already_exists:
      return EADDRINUSE;
    case Error::connection_refused:
    case Error::port_unreachable:
      return ECONNREFUSED;
    case Error::connection_reset:
      return ECONNRESET;
    case Error::connection_closing:
      return EPIPE;
    case Error::connection_aborted:
      return ECONNABORTED;
    case Error::user_timeout:
    case Error::excessive_retransmissions:
      return ETIMEDOUT;
    case Error::insufficient_resources:
      return ENOBUFS;
    case Error::remote_unspecified:
    case Error::network_unreachable:
      return ENETUNREACH;
    case Error::local_unspecified:
      return EADDRNOTAVAIL;
    case Error::host_unreachable:
      return EHOSTUNREACH;
    case Error::protocol_unreachable:
      return ENOPROTOOPT;
  }
  return EIO;
}

Calls::Calls(Host& host) : host_(host) {
  host_.on_event = [this](const Event& event) { note(event); };
  host_.after_step = [this] { after_step(); };
  host_.alarm = [this] {
    Instant first = never;
    for (const auto& [fd, socket] : sockets_) first = std::min(first, cork_ends_at(*socket));
    return first;
  };
}

Calls::~Calls() {
  for (const auto& [fd, socket] : sockets_) ::close(fd);
  for (const auto& [fd, epoll] : epolls_) ::close(fd);
}

Socket* Calls::find(int fd) {
  const auto found = sockets_.find(fd);
  return found == sockets_.end() ? nullptr : found->second.get();
}

// packetdrill really closes what a script leaves open, so these are descriptors of the kernel's, for nothing else.
int Calls::new_fd() { return ::eventfd(0, EFD_CLOEXEC); }

Socket& Calls::add(int fd) {
  auto& socket = sockets_[fd];
  socket = std::make_unique<Socket>();
  socket->fd = fd;
  return *socket;
}

// Every waiting call looks again by itself; only edges must be remembered.
void Calls::note(const Event& event) {
  for (const auto& [fd, socket] : sockets_) {
    const HandleId id = event.id.is_listener ? socket->listener.id() : socket->stream.id();
    if (!(id == event.id)) continue;
    if (event.what.readable) socket->text_arrived_at = host_.now();
    if (event.what.established) socket->connected_at = host_.now();
    rearm(*socket);
  }
}

// What Linux does when a segment has been processed, beside TCP itself.
void Calls::after_step() {
  for (const auto& [fd, socket] : sockets_) {
    if (!socket->has_stream()) continue;
    look_after_held_text(*socket);
    report_milestones(*socket);
    make_room(*socket);
    note_limits(*socket, host_.now());
  }
}

/// An edge-triggered epoll is to tell again.
void Calls::rearm(const Socket& socket) {
  for (auto& [epfd, epoll] : epolls_) {
    if (const auto entry = epoll.find(socket.fd); entry != epoll.end()) entry->second.told = false;
  }
}

// The stack keeps why a connection ended; Linux tells it once.
void Calls::take_error(Socket& socket) {
  if (!socket.has_stream() || socket.end_told || socket.stream.state() != State::closed) return;
  const auto left = socket.stream.peek();
  if (left.has_value()) return;  // an orderly end, or text that comes first
  socket.end_told = true;
  if (left.error() == Error::connection_closing) return;
  socket.error = errno_of(left.error());
}

int Calls::pending_error(Socket& socket) {
  take_error(socket);
  return std::exchange(socket.error, 0);
}

// --- Opening.

Result Calls::socket(int domain, int type, int protocol) {
  host_.read_settings();
  const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (domain != AF_INET) return fails(EAFNOSUPPORT);
  if (kind != SOCK_STREAM || (protocol != 0 && protocol != IPPROTO_TCP)) return fails(EPROTONOSUPPORT);
  const int fd = new_fd();
  if (fd < 0) return fails(errno);
  Socket& made = add(fd);
  made.options.nonblocking = (type & SOCK_NONBLOCK) != 0;
  made.connection = host_.settings().config.tcp;
  made.receive_space = host_.settings().receive_space;
  return fd;
}

Result Calls::bind(int fd, const sockaddr* address, socklen_t size) {
  Socket* socket = find(fd);
  if (socket == nullptr) return fails(EBADF);
  const auto endpoint = endpoint_of(address, size);
  if (!endpoint) return fails(endpoint.error());
  if (socket->bound) return fails(EINVAL);
  const auto is_taken = [&](const auto& other) {
    return other.second->bound && other.second->is_listening() && other.second->local == *endpoint;
  };
  if (endpoint->port != 0 && std::any_of(sockets_.begin(), sockets_.end(), is_taken)) return fails(EADDRINUSE);
  socket->local = *endpoint;
  socket->bound = true;
  if (!endpoint->address.is_unspecified()) host_.settings().config.address = endpoint->address;
  return 0;
}

Result Calls::listen(int fd, int backlog) {
  Socket* socket = find(fd);
  if (socket == nullptr) return fails(EBADF);
  if (socket->has_stream()) return fails(EINVAL);
  if (socket->is_listening()) return 0;
  if (socket->local.port == 0) socket->local.port = 32'768;
  // Linux takes one connection more than it is asked to.
  socket->backlog = static_cast<std::uint32_t>(std::clamp(backlog, 0, 4095)) + 1;
  auto listener = host_.stack().listen(socket->local, {.backlog = socket->backlog, .connections = socket->connection});
  if (!listener) return fails(errno_of(listener.error()));
  socket->listener = std::move(*listener);
  socket->listening_with = socket->connection;
  host_.use_stack();
  return 0;
}

// A listener's connections begin with what it was made with.
void Calls::listen_anew(Socket& socket) {
  if (socket.listener.has_pending() || socket.listening_with == socket.connection) return;
  socket.listener.reset();
  socket.listening_with = socket.connection;
  auto listener = host_.stack().listen(socket.local, {.backlog = socket.backlog, .connections = socket.connection});
  if (listener) socket.listener = std::move(*listener);
}

Result Calls::accept(Lock& lock, int fd, sockaddr* address, socklen_t* size) {
  Socket* socket = find(fd);
  if (socket == nullptr) return fails(EBADF);
  if (!socket->is_listening()) return fails(EINVAL);
  std::expected<Stream, Error> stream = std::unexpected(Error::would_block);
  const auto attempt = [&] {
    stream = socket->listener.accept();
    return stream.has_value() || stream.error() != Error::would_block;
  };
  host_.wait(lock, attempt, deadline_of(*socket, socket->options.receive_timeout, 0));
  if (!stream) return fails(errno_of(stream.error()));
  const int child_fd = new_fd();
  if (child_fd < 0) return fails(errno);
  Socket& child = add(child_fd);
  child.options = socket->options;
  child.connection = socket->connection;
  child.send_buffer = socket->send_buffer;
  child.receive_space = socket->receive_space;
  child.options.nonblocking = false;
  child.ever_connected = true;
  child.connected_at = host_.now();
  child.bound = true;
  child.stream = std::move(*stream);
  child.local = child.stream.local();
  host_.use_stack();
  begin_send_buffer(child);
  apply_connection_options(child);  // they may have been set since the listener was made
  store_endpoint(child.stream.remote(), address, size);
  return child_fd;
}

Result Calls::connect(Lock& lock, int fd, const sockaddr* address, socklen_t size) {
  Socket* socket = find(fd);
  if (socket == nullptr) return fails(EBADF);
  if (address != nullptr && size >= sizeof(sa_family_t) && address->sa_family == AF_UNSPEC) {
    forget_stream(*socket);
    return 0;
  }
  const auto remote = endpoint_of(address, size);
  if (!remote) return fails(remote.error());
  if (socket->is_listening()) return fails(EISCONN);
  if (socket->has_stream()) return connect_again(*socket);
  if (const Result begun = begin_connect(*socket, *remote); !begun) return begun;
  if (socket->options.nonblocking) return fails(EINPROGRESS);
  std::optional<Result> outcome;
  host_.wait(
      lock, [&] { return (outcome = connect_outcome(*socket)).has_value(); },
      deadline_of(*socket, socket->options.send_timeout, 0));
  return outcome ? *outcome : fails(EINPROGRESS);
}

Result Calls::begin_connect(Socket& socket, Endpoint remote) {
  auto stream =
      host_.stack().connect(remote, host_.now(), {.local = socket.local, .numbers = {}, .options = socket.connection});
  if (!stream) return fails(errno_of(stream.error()));
  socket.stream = std::move(*stream);
  socket.connecting = true;
  begin_send_buffer(socket);
  socket.end_told = false;
  host_.use_stack();
  host_.settle();
  return 0;
}

Result Calls::connect_again(Socket& socket) {
  if (!socket.connecting) return fails(EISCONN);
  if (const auto outcome = connect_outcome(socket)) return *outcome;
  return fails(EALREADY);
}

/// How the opening of a connection has ended, once.
std::optional<Result> Calls::connect_outcome(Socket& socket) {
  const State state = socket.stream.state();
  if (state == State::syn_sent || state == State::syn_received) return std::nullopt;
  socket.connecting = false;
  if (state != State::closed) {
    socket.ever_connected = true;
    return 0;
  }
  const int error = pending_error(socket);
  forget_stream(socket);
  return fails(error != 0 ? error : ECONNABORTED);
}

// --- Closing.

void Calls::forget_stream(Socket& socket) {
  if (!socket.has_stream()) return;
  socket.stream.abort();
  socket.stream.reset();
  host_.release_stack();
  socket.connecting = socket.ever_connected = socket.read_shut = socket.write_shut = false;
  host_.settle();
}

Result Calls::close(Lock& lock, int fd) {
  if (const auto epoll = epolls_.find(fd); epoll != epolls_.end()) epolls_.erase(epoll);
  if (Socket* socket = find(fd)) {
    for (auto& [epfd, epoll] : epolls_) epoll.erase(fd);
    if (socket->has_stream()) {
      let_go_of_all(*socket);
      linger(lock, *socket);
      socket->stream.reset();
      host_.release_stack();
    }
    if (socket->is_listening()) {
      socket->listener.reset();
      host_.release_stack();
    }
    sockets_.erase(fd);
    host_.settle();
  }
  return ::close(fd) == 0 ? Result{0} : fails(errno);
}

// SO_LINGER: with no time to linger, ABORT; with some, close() waits until the peer has everything.
void Calls::linger(Lock& lock, Socket& socket) {
  const auto seconds = socket.options.linger;
  if (!seconds || socket.stream.info().unread > 0) return;
  if (*seconds == 0) return socket.stream.abort();
  (void)socket.stream.close();
  host_.settle();
  const auto is_over = [&] {
    const State state = socket.stream.state();
    return state == State::closed || state == State::fin_wait_2 || state == State::time_wait;
  };
  if (!socket.options.nonblocking) host_.wait(lock, is_over, host_.now() + std::chrono::seconds{*seconds});
}

Result Calls::shutdown(int fd, int how) {
  Socket* socket = find(fd);
  if (socket == nullptr) return fails(EBADF);
  if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return fails(EINVAL);
  if (socket->is_listening()) {
    if (how != SHUT_WR) {
      socket->listener.reset();
      host_.release_stack();
      host_.settle();
    }
    return 0;
  }
  if (!socket->has_stream() || socket->stream.state() == State::closed) return fails(ENOTCONN);
  if (socket->stream.state() == State::syn_sent && how != SHUT_RD) {
    forget_stream(*socket);
    return 0;
  }
  if (how != SHUT_WR) socket->read_shut = true;
  if (how != SHUT_RD) {
    let_go_of_all(*socket);
    socket->write_shut = true;
    (void)socket->stream.close();
    host_.settle();
  }
  return 0;
}

// --- Control.

Result Calls::fcntl(int fd, int command, long argument) {
  Socket* socket = find(fd);
  if (socket == nullptr) {
    const int result = ::fcntl(fd, command, argument);
    return result >= 0 ? Result{result} : fails(errno);
  }
  switch (command) {
    case F_GETFL:
      return O_RDWR | (socket->options.nonblocking ? O_NONBLOCK : 0);
    case F_SETFL:
      socket->options.nonblocking = (argument & O_NONBLOCK) != 0;
      return 0;
    case F_GETFD:
    case F_SETFD:
      return 0;
    default:
      return fails(EINVAL);
  }
}

}  // namespace backstop::packetdrill
