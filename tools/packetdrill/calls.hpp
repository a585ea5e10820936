// The socket calls, as Linux answers them: a result, or an errno.
// calls.cpp opens and closes, transfer.cpp moves text, held_text.cpp keeps it back, socket_options.cpp has the options,
// readiness.cpp poll and epoll. Read next: adapter.cpp, which hands them to packetdrill.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <span>

#include "tools/packetdrill/host.hpp"
#include "tools/packetdrill/socket.hpp"

namespace backstop::packetdrill {

/// What a call returns, or its errno.
using Result = std::expected<long, int>;

/// The errno that Linux has for an error of the stack.
int errno_of(Error error);

class Calls {
 public:
  explicit Calls(Host& host);
  ~Calls();

  [[nodiscard]] bool knows(int fd) const { return sockets_.contains(fd) || epolls_.contains(fd); }

  // Opening and closing.
  Result socket(int domain, int type, int protocol);
  Result bind(int fd, const sockaddr* address, socklen_t size);
  Result listen(int fd, int backlog);
  Result accept(Lock& lock, int fd, sockaddr* address, socklen_t* size);
  Result connect(Lock& lock, int fd, const sockaddr* address, socklen_t size);
  Result close(Lock& lock, int fd);
  Result shutdown(int fd, int how);

  // Text.
  Result receive(Lock& lock, int fd, msghdr& message, int flags);
  Result send(Lock& lock, int fd, const msghdr& message, int flags);
  Result splice(Lock& lock, int from, int to, std::size_t size, unsigned flags);
  Result sendfile(Lock& lock, int to, int from, off_t* offset, std::size_t size);

  // Control.
  Result fcntl(int fd, int command, long argument);
  Result ioctl(int fd, unsigned long request, void* argument);
  Result set_option(int fd, int level, int option, const void* value, socklen_t size);
  Result get_option(int fd, int level, int option, void* value, socklen_t* size);

  // Readiness.
  Result poll(Lock& lock, pollfd* fds, nfds_t count, int timeout);
  Result epoll_create(int size);
  Result epoll_control(int epfd, int operation, int fd, const epoll_event* event);
  Result epoll_wait(Lock& lock, int epfd, epoll_event* events, int most, int timeout);

 private:
  struct EpollEntry {
    epoll_event wanted{};
    bool told = false;      ///< edge-triggered: nothing new since
    bool disabled = false;  ///< EPOLLONESHOT, and it has shot
  };
  using Epoll = std::map<int, EpollEntry>;

  Socket* find(int fd);
  int new_fd();
  Socket& add(int fd);
  void note(const Event& event);
  void after_step();
  void take_error(Socket& socket);
  int pending_error(Socket& socket);
  void forget_stream(Socket& socket);
  Result begin_connect(Socket& socket, Endpoint remote);
  Result connect_again(Socket& socket);
  std::optional<Result> connect_outcome(Socket& socket);
  void linger(Lock& lock, Socket& socket);
  void apply_connection_options(Socket& socket);
  void listen_anew(Socket& socket);

  std::optional<Result> take_text(Socket& socket, std::span<const iovec> into, int flags);
  Result without_text(Socket& socket);
  static std::size_t before_urgent(const Socket& socket);
  static void skip_urgent(Socket& socket);
  std::size_t give_text(Socket& socket, Bytes text, int flags);
  [[nodiscard]] bool sends_early(const Socket& socket) const;

  void hold(Socket& socket, Bytes text);
  static void end_record(Socket& socket);
  static void let_go(Socket& socket);
  static void uncork(Socket& socket);
  static void let_go_of_all(Socket& socket);
  static Instant cork_ends_at(const Socket& socket);
  void look_after_held_text(Socket& socket);

  Result send_text(Lock& lock, Socket& socket, Bytes text, int flags);

  void begin_send_buffer(Socket& socket);
  [[nodiscard]] std::size_t next_portion(Socket& socket) const;
  [[nodiscard]] bool is_writable(const Socket& socket) const;
  void make_room(Socket& socket);

  void note_written(Socket& socket, std::size_t size, int flags);
  void report_milestones(Socket& socket);
  static Result take_report(Socket& socket, msghdr& message);
  void rearm(const Socket& socket);
  [[nodiscard]] Instant deadline_of(const Socket& socket, Duration timeout, int flags) const;

  Result set_socket_option(Socket& socket, int option, int value, Bytes whole);
  Result set_tcp_option(Socket& socket, int option, int value, Bytes whole);
  static Result set_timer_option(ConnectionOptions& options, int option, int value);
  static Result set_ip_option(ConnectionOptions& options, int option, int value);
  [[nodiscard]] bool is_freebsd() const { return host_.settings().syn_options == SynOptions::freebsd_order; }
  [[nodiscard]] std::uint32_t receive_space(const Socket& socket) const;
  std::optional<int> read_option(Socket& socket, int level, int option);

  std::uint32_t readiness(Socket& socket);
  std::size_t collect(Epoll& epoll, std::span<epoll_event> events);

  Host& host_;
  std::map<int, std::unique_ptr<Socket>> sockets_;
  std::map<int, Epoll> epolls_;
};

/// Counts the time since the last look for what held text up.
void note_limits(Socket& socket, Instant now);
/// Fills `out` with Linux's struct tcp_info, cut to its size; returns how many octets it has.
std::size_t fill_tcp_info(const ConnectionInfo& info, const Socket& socket, Instant now, MutableBytes out);

}  // namespace backstop::packetdrill
