// poll and epoll: what a descriptor is ready for, as Linux's tcp_poll says it.
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "tools/packetdrill/calls.hpp"

namespace backstop::packetdrill {
namespace {

std::unexpected<int> fails(int error) { return std::unexpected{error}; }

Instant deadline_after(Instant now, int milliseconds) {
  return milliseconds < 0 ? never : now + std::chrono::milliseconds{milliseconds};
}

bool peer_has_finished(State state) {
  return state == State::close_wait || state == State::last_ack || state == State::closing ||
         state == State::time_wait || state == State::closed;
}

}  // namespace

std::uint32_t Calls::readiness(Socket& socket) {
  if (socket.is_listening()) {
    return socket.listener.has_pending() ? std::uint32_t{EPOLLIN | EPOLLRDNORM} : 0u;
  }
  if (!socket.has_stream()) return EPOLLOUT | EPOLLWRNORM | EPOLLHUP;
  take_error(socket);
  const ConnectionInfo info = socket.stream.info();
  const bool no_more_in = socket.read_shut || peer_has_finished(info.state);
  const bool no_more_out = socket.write_shut || info.state == State::closed;
  std::uint32_t ready = 0;
  if (no_more_in && no_more_out) ready |= EPOLLHUP;
  if (no_more_in) ready |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
  if (info.state != State::syn_sent) {
    if (info.unread >= socket.options.receive_low_water) ready |= EPOLLIN | EPOLLRDNORM;
    const bool writable = no_more_out || is_writable(socket);
    if (writable) ready |= EPOLLOUT | EPOLLWRNORM;
    if (!writable) socket.no_space = true;
  }
  if (socket.error != 0 || !socket.reports.empty()) ready |= EPOLLERR;
  return ready;
}

Result Calls::poll(Lock& lock, pollfd* fds, nfds_t count, int timeout) {
  const std::span<pollfd> wanted{fds, count};
  long ready = 0;
  const auto attempt = [&] {
    ready = 0;
    for (pollfd& entry : wanted) {
      entry.revents = 0;
      if (entry.fd < 0) continue;
      Socket* socket = find(entry.fd);
      const auto asked = static_cast<std::uint32_t>(static_cast<unsigned short>(entry.events)) | POLLERR | POLLHUP;
      const std::uint32_t is = socket != nullptr ? readiness(*socket) & asked : std::uint32_t{POLLNVAL};
      entry.revents = static_cast<short>(is);
      if (is != 0) ++ready;
    }
    return ready > 0;
  };
  host_.wait(lock, attempt, deadline_after(host_.now(), timeout));
  return ready;
}

Result Calls::epoll_create(int size) {
  if (size <= 0) return fails(EINVAL);
  const int fd = new_fd();
  if (fd < 0) return fails(errno);
  epolls_[fd] = {};
  return fd;
}

Result Calls::epoll_control(int epfd, int operation, int fd, const epoll_event* event) {
  const auto epoll = epolls_.find(epfd);
  if (epoll == epolls_.end() || find(fd) == nullptr) return fails(EBADF);
  if (operation != EPOLL_CTL_DEL && event == nullptr) return fails(EFAULT);
  const bool known = epoll->second.contains(fd);
  switch (operation) {
    case EPOLL_CTL_ADD:
      if (known) return fails(EEXIST);
      epoll->second[fd] = {.wanted = *event};
      return 0;
    case EPOLL_CTL_MOD:
      if (!known) return fails(ENOENT);
      epoll->second[fd] = {.wanted = *event};
      return 0;
    case EPOLL_CTL_DEL:
      return epoll->second.erase(fd) > 0 ? Result{0} : fails(ENOENT);
    default:
      return fails(EINVAL);
  }
}

std::size_t Calls::collect(Epoll& epoll, std::span<epoll_event> events) {
  std::size_t count = 0;
  for (auto& [fd, entry] : epoll) {
    Socket* socket = find(fd);
    if (socket == nullptr || entry.disabled || entry.told || count == events.size()) continue;
    const std::uint32_t is = readiness(*socket) & (entry.wanted.events | EPOLLERR | EPOLLHUP);
    if (is == 0) continue;
    events[count] = entry.wanted;
    events[count++].events = is;
    entry.told = (entry.wanted.events & EPOLLET) != 0;
    entry.disabled = (entry.wanted.events & EPOLLONESHOT) != 0;
  }
  return count;
}

Result Calls::epoll_wait(Lock& lock, int epfd, epoll_event* events, int most, int timeout) {
  const auto epoll = epolls_.find(epfd);
  if (epoll == epolls_.end()) return fails(EBADF);
  if (most <= 0) return fails(EINVAL);
  if (events == nullptr) return fails(EFAULT);
  std::size_t count = 0;
  const auto attempt = [&] {
    count = collect(epoll->second, {events, static_cast<std::size_t>(most)});
    return count > 0;
  };
  host_.wait(lock, attempt, deadline_after(host_.now(), timeout));
  return static_cast<long>(count);
}

}  // namespace backstop::packetdrill
