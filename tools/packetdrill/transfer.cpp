// Text in and out: every kind of read and write, and what moves it between descriptors.
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "tools/packetdrill/calls.hpp"

namespace backstop::packetdrill {
namespace {

std::unexpected<int> fails(int error) { return std::unexpected{error}; }

std::size_t size_of(std::span<const iovec> pieces) {
  std::size_t total = 0;
  for (const iovec& piece : pieces) total += piece.iov_len;
  return total;
}

std::vector<std::byte> gather(std::span<const iovec> pieces) {
  std::vector<std::byte> text;
  for (const iovec& piece : pieces) {
    const auto* begin = static_cast<const std::byte*>(piece.iov_base);
    text.insert(text.end(), begin, begin + piece.iov_len);
  }
  return text;
}

// Copies to offset `at` of the pieces; returns how much there was room for.
std::size_t scatter(std::span<const iovec> pieces, std::size_t at, Bytes text) {
  std::size_t copied = 0;
  for (const iovec& piece : pieces) {
    if (at >= piece.iov_len) {
      at -= piece.iov_len;
      continue;
    }
    const std::size_t part = std::min(piece.iov_len - at, text.size() - copied);
    if (part == 0) break;
    std::memcpy(static_cast<std::byte*>(piece.iov_base) + at, text.data() + copied, part);
    copied += part;
    at = 0;
  }
  return copied;
}

bool any_missing(std::span<const iovec> pieces) {
  return std::any_of(pieces.begin(), pieces.end(),
                     [](const iovec& piece) { return piece.iov_base == nullptr && piece.iov_len > 0; });
}

std::span<const iovec> pieces_of(const msghdr& message) { return {message.msg_iov, message.msg_iovlen}; }

// TCP_INQ: how much is left to read, beside what was read.
void report_unread(const Socket& socket, msghdr& message) {
  if (message.msg_control == nullptr || message.msg_controllen < CMSG_SPACE(sizeof(int))) return;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_TCP;
  header->cmsg_type = TCP_CM_INQ;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const ConnectionInfo info = socket.stream.info();
  const bool at_end = info.unread == 0 && (info.state == State::close_wait || info.state == State::closed);
  const int unread = static_cast<int>(info.unread) + (at_end ? 1 : 0);
  std::memcpy(CMSG_DATA(header), &unread, sizeof unread);
  message.msg_controllen = CMSG_SPACE(sizeof(int));
}

}  // namespace

Instant Calls::deadline_of(const Socket& socket, Duration timeout, int flags) const {
  if (socket.options.nonblocking || (flags & MSG_DONTWAIT) != 0) return host_.now();
  return timeout == Duration::zero() ? never : host_.now() + timeout;
}

// --- In.

Result Calls::receive(Lock& lock, int fd, msghdr& message, int flags) {
  Socket* socket = find(fd);
  if (socket == nullptr) return fails(EBADF);
  const auto into = pieces_of(message);
  if (any_missing(into)) return fails(EFAULT);
  if ((flags & MSG_ERRQUEUE) != 0) return take_report(*socket, message);
  if ((flags & MSG_OOB) != 0) return fails(EINVAL);
  if (!socket->has_stream()) return fails(ENOTCONN);
  std::optional<Result> result;
  const auto attempt = [&] { return (result = take_text(*socket, into, flags)).has_value(); };
  host_.wait(lock, attempt, deadline_of(*socket, socket->options.receive_timeout, flags));
  host_.settle();
  message.msg_flags = 0;
  const bool wants_report = socket->options.report_unread && result && *result && message.msg_control != nullptr;
  if (wants_report) {
    report_unread(*socket, message);
  } else {
    message.msg_controllen = 0;
  }
  return result ? *result : fails(EAGAIN);
}

std::optional<Result> Calls::take_text(Socket& socket, std::span<const iovec> into, int flags) {
  const bool peeks = (flags & MSG_PEEK) != 0;
  const std::size_t wanted = size_of(into);
  const bool waits_for_all = (flags & MSG_WAITALL) != 0 && !socket.options.nonblocking;
  const std::size_t enough = std::min<std::size_t>(wanted, waits_for_all ? wanted : socket.options.receive_low_water);
  const ConnectionInfo info = socket.stream.info();
  const bool ended = info.state == State::closed || info.state == State::close_wait || info.state == State::last_ack ||
                     info.state == State::closing || info.state == State::time_wait;
  if (info.unread < enough && !ended && !socket.read_shut && !socket.options.nonblocking &&
      (flags & MSG_DONTWAIT) == 0) {
    return std::nullopt;
  }
  skip_urgent(socket);
  const std::size_t most = std::min(wanted, before_urgent(socket));
  std::size_t copied = 0;
  while (copied < most) {
    const auto piece = socket.stream.peek();
    if (!piece || piece->empty()) break;
    const Bytes part = piece->first(std::min(piece->size(), most - copied));
    if ((flags & MSG_TRUNC) == 0) scatter(into, copied, part);
    copied += part.size();
    if (peeks) break;
    socket.stream.consume(part.size());
  }
  if (copied > 0 || wanted == 0) return Result{static_cast<long>(copied)};
  const Result result = without_text(socket);
  if (!result && result.error() == EAGAIN) return std::nullopt;
  return result;
}

/// Octets up to the urgent one, which Linux takes out of the text unless SO_OOBINLINE is set; a read ends before it.
std::size_t Calls::before_urgent(const Socket& socket) {
  const auto in_line = socket.options.values.find({SOL_SOCKET, SO_OOBINLINE});
  const std::uint32_t urgent = socket.stream.info().urgent;
  if (urgent == 0 || in_line != socket.options.values.end()) return std::numeric_limits<std::size_t>::max();
  return urgent - 1;
}

void Calls::skip_urgent(Socket& socket) {
  if (before_urgent(socket) == 0 && socket.stream.info().unread > 0) socket.stream.consume(1);
}

Result Calls::without_text(Socket& socket) {
  if (const int error = pending_error(socket)) return fails(error);
  if (socket.read_shut) return 0;
  const auto piece = socket.stream.peek();
  if (piece || piece.error() != Error::would_block) return 0;
  return fails(EAGAIN);
}

// --- Out.

Result Calls::send(Lock& lock, int fd, const msghdr& message, int flags) {
  Socket* socket = find(fd);
  if (socket == nullptr) return fails(EBADF);
  if ((flags & MSG_FASTOPEN) != 0) return fails(EOPNOTSUPP);
  if (any_missing(pieces_of(message))) return fails(EFAULT);
  if (!socket->has_stream()) return fails(EPIPE);
  return send_text(lock, *socket, gather(pieces_of(message)), flags);
}

Result Calls::send_text(Lock& lock, Socket& socket, Bytes text, int flags) {
  if (const int error = pending_error(socket)) return fails(error);
  if (socket.write_shut) return fails(EPIPE);
  std::size_t given = 0;
  bool ended = false;
  const auto attempt = [&] {
    const State state = socket.stream.state();
    ended = state == State::closed || socket.write_shut;
    if (ended) return true;
    if (state != State::syn_sent && state != State::syn_received) {
      given += give_text(socket, text.subspan(given), flags);
    }
    socket.no_space = given < text.size();
    return given == text.size();
  };
  host_.wait(lock, attempt, deadline_of(socket, socket.options.send_timeout, flags));
  if (given > 0) note_written(socket, given, flags);
  host_.settle();
  if (given > 0 || text.empty()) return static_cast<long>(given);
  if (!ended) return fails(EAGAIN);
  const int error = pending_error(socket);
  return fails(error != 0 ? error : EPIPE);
}

/// Hands text to the stack, as much as the send buffer takes.
std::size_t Calls::give_text(Socket& socket, Bytes text, int flags) {
  socket.more_follows = (flags & MSG_MORE) != 0;
  socket.urgent = (flags & MSG_OOB) != 0;
  std::size_t given = 0;
  while (given < text.size()) {
    const std::size_t portion = std::min(next_portion(socket), text.size() - given);
    if (portion == 0) break;
    if (given > 0 && sends_early(socket)) host_.transmit();
    hold(socket, text.subspan(given, portion));
    given += portion;
    let_go(socket);
  }
  if ((flags & MSG_EOR) != 0 && given == text.size()) end_record(socket);
  return given;
}

// Linux sends what is full before it takes more. Where PSH stands on whatever is more than a segment, that is all; else
// it must not be seen on what goes early, and the stack sets it on none while it keeps some of what it was given.
bool Calls::sends_early(const Socket& socket) const {
  const ConnectionInfo info = socket.stream.info();
  if (host_.settings().config.segmentation_segments > 1 && info.unsent > info.mss) return true;
  return std::uint64_t{info.unsent} + info.unacknowledged > std::min(info.congestion_window, info.send_window);
}

// --- Between descriptors.

Result Calls::splice(Lock& lock, int from, int to, std::size_t size, unsigned flags) {
  std::vector<std::byte> buffer(std::min<std::size_t>(size, 1 << 16));
  const int how = (flags & SPLICE_F_NONBLOCK) != 0 ? MSG_DONTWAIT : 0;
  if (Socket* source = find(from)) {
    if (source->has_stream() && before_urgent(*source) == 0) return 0;
    iovec piece{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    const Result got = receive(lock, from, message, how);
    if (!got || *got == 0) return got;
    const ssize_t put = ::write(to, buffer.data(), static_cast<std::size_t>(*got));
    return put >= 0 ? Result{put} : fails(errno);
  }
  return sendfile(lock, to, from, nullptr, size);
}

Result Calls::sendfile(Lock& lock, int to, int from, off_t* offset, std::size_t size) {
  Socket* socket = find(to);
  if (socket == nullptr) return fails(EBADF);
  if (!socket->has_stream()) return fails(EPIPE);
  std::vector<std::byte> buffer(size);
  const ssize_t got =
      offset != nullptr ? ::pread(from, buffer.data(), size, *offset) : ::read(from, buffer.data(), size);
  if (got < 0) return fails(errno);
  const Result sent = send_text(lock, *socket, Bytes{buffer}.first(static_cast<std::size_t>(got)), 0);
  if (sent && offset != nullptr) *offset += *sent;
  return sent;
}

// --- Counting.

Result Calls::ioctl(int fd, unsigned long request, void* argument) {
  Socket* socket = find(fd);
  if (socket == nullptr) return fails(EBADF);
  if (argument == nullptr) return fails(EFAULT);
  if (socket->is_listening()) return fails(EINVAL);
  const ConnectionInfo info = socket->has_stream() ? socket->stream.info() : ConnectionInfo{};
  const bool fin_waits = socket->write_shut && (info.state == State::fin_wait_1 || info.state == State::last_ack ||
                                                info.state == State::closing);
  int value = 0;
  switch (request) {
    case SIOCINQ:
      value = static_cast<int>(info.unread);
      break;
    case SIOCOUTQ:
      value = static_cast<int>(info.unacknowledged + info.unsent + socket->held.size()) +
              (fin_waits && info.unsent > 0 ? 1 : 0);
      break;
    case SIOCOUTQNSD:
      value = static_cast<int>(info.unsent + socket->held.size());
      break;
    case FIONBIO:
      std::memcpy(&value, argument, sizeof value);
      socket->options.nonblocking = value != 0;
      return 0;
    default:
      return fails(EINVAL);
  }
  std::memcpy(argument, &value, sizeof value);
  return 0;
}

}  // namespace backstop::packetdrill
