// getsockopt and setsockopt. Options that the stack has are applied: those of a whole stack before it is made, those of
// a connection at any time. Others are remembered and read back, as Linux does with what has no effect on the wire.
#include <linux/tcp.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "tools/packetdrill/calls.hpp"

namespace backstop::packetdrill {
namespace {

std::unexpected<int> fails(int error) { return std::unexpected{error}; }

// asm-generic/socket.h has it, and does not go together with sys/socket.h.
constexpr int so_meminfo = 55;

int as_int(Bytes value) {
  int number = 0;
  std::memcpy(&number, value.data(), std::min(value.size(), sizeof number));
  return number;
}

Duration as_time(Bytes value) {
  timeval time{};
  std::memcpy(&time, value.data(), std::min(value.size(), sizeof time));
  return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
}

void store(Bytes value, void* out, socklen_t* size) {
  const auto part = std::min<std::size_t>(value.size(), *size);
  std::memcpy(out, value.data(), part);
  *size = static_cast<socklen_t>(part);
}

std::string_view name_of(CongestionAlgorithm algorithm) {
  return algorithm == CongestionAlgorithm::cubic ? "cubic" : "reno";
}

bool takes_an_int(int level, int option) {
  if (level == SOL_SOCKET) return option != SO_LINGER && option != SO_RCVTIMEO && option != SO_SNDTIMEO;
  return level == IPPROTO_TCP && option != TCP_CONGESTION;
}

}  // namespace

Result Calls::set_option(int fd, int level, int option, const void* value, socklen_t size) {
  Socket* socket = find(fd);
  if (socket == nullptr) return fails(EBADF);
  if (value == nullptr) return fails(EFAULT);
  if (size == 0 || (takes_an_int(level, option) && size < sizeof(int))) return fails(EINVAL);
  const Bytes whole{static_cast<const std::byte*>(value), size};
  Result result = fails(ENOPROTOOPT);
  if (level == SOL_SOCKET) result = set_socket_option(*socket, option, as_int(whole), whole);
  if (level == IPPROTO_TCP) result = set_tcp_option(*socket, option, as_int(whole), whole);
  if (level == IPPROTO_IP) result = set_ip_option(socket->connection, option, as_int(whole));
  if (!result) return result;
  socket->options.values[{level, option}].assign(whole.begin(), whole.end());
  apply_connection_options(*socket);
  return result;
}

void Calls::apply_connection_options(Socket& socket) {
  if (socket.is_listening()) return listen_anew(socket);
  if (!socket.has_stream() || socket.stream.options() == socket.connection) return;
  (void)socket.stream.set_options(socket.connection);  // sets of options are few in a script
  host_.settle();
}

Result Calls::set_socket_option(Socket& socket, int option, int value, Bytes whole) {
  SocketOptions& options = socket.options;
  switch (option) {
    case SO_LINGER: {
      struct linger asked{};
      if (whole.size() < sizeof asked) return fails(EINVAL);
      std::memcpy(&asked, whole.data(), sizeof asked);
      options.linger = std::nullopt;
      if (asked.l_onoff != 0) options.linger = static_cast<std::uint16_t>(std::clamp(asked.l_linger, 0, 65'535));
      return 0;
    }
    case SO_RCVTIMEO:
      options.receive_timeout = as_time(whole);
      return 0;
    case SO_SNDTIMEO:
      options.send_timeout = as_time(whole);
      return 0;
    case SO_RCVLOWAT:
      options.receive_low_water = static_cast<std::uint32_t>(std::max(value, 1));
      return 0;
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
      // Linux doubles it, for its own bookkeeping.
      socket.connection.receive_buffer = static_cast<std::uint32_t>(std::max(value, 1152));
      socket.receive_space = socket.connection.receive_buffer * (is_freebsd() ? 1 : 2);
      return 0;
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
      // Linux doubles it, to have room for its own bookkeeping.
      socket.send_buffer = static_cast<std::uint32_t>(std::max(value, 2304)) * 2;
      options.send_buffer_set = true;
      return 0;
    case SO_TIMESTAMPING:
      socket.timestamps_since = socket.written;
      return 0;
    case SO_KEEPALIVE:
      socket.connection.keep_alive = value != 0;
      return 0;
    case SO_ERROR:
    case SO_TYPE:
    case SO_ACCEPTCONN:
    case SO_SNDLOWAT:
      return fails(ENOPROTOOPT);
    default:
      return 0;
  }
}

Result Calls::set_tcp_option(Socket& socket, int option, int value, Bytes whole) {
  SocketOptions& options = socket.options;
  switch (option) {
    case TCP_NODELAY:
      socket.connection.no_delay = value != 0;
      if (socket.has_stream() && value != 0) uncork(socket);
      return 0;
    case TCP_CORK:
      options.cork = value != 0;
      if (socket.has_stream() && value == 0) uncork(socket);
      host_.settle();
      return 0;
    case TCP_MAXSEG:
      if (value != 0 && (value < 88 || value > 32'767)) return fails(EINVAL);
      socket.connection.maximum_segment = static_cast<std::uint16_t>(value);
      return 0;
    case TCP_SYNCNT:
      if (value < 1 || value > 127) return fails(EINVAL);
      return host_.settings().set("net.ipv4.tcp_syn_retries", std::to_string(value)) ? Result{0} : fails(EINVAL);
    case TCP_CONGESTION: {
      const auto* text = reinterpret_cast<const char*>(whole.data());
      const std::string_view name{text, strnlen(text, whole.size())};
      const auto algorithm = congestion_algorithm(name);
      if (!algorithm) return fails(ENOENT);
      socket.connection.congestion = *algorithm;
      return 0;
    }
    case TCP_NOTSENT_LOWAT:
      options.not_sent_low_water = value == 0 ? 0xffff'ffffu : static_cast<std::uint32_t>(value);
      return 0;
    case TCP_INQ:
      if (value != 0 && value != 1) return fails(EINVAL);
      options.report_unread = value != 0;
      return 0;
    case TCP_DEFER_ACCEPT:  // the stack wakes the listener at the handshake's end, never later
    case TCP_FASTOPEN:
    case TCP_FASTOPEN_CONNECT:
      return fails(EOPNOTSUPP);
    case TCP_INFO:
    case TCP_CC_INFO:
      return fails(ENOPROTOOPT);
    default:
      return set_timer_option(socket.connection, option, value);
  }
}

Result Calls::set_timer_option(ConnectionOptions& options, int option, int value) {
  constexpr int longest = 32'767;
  switch (option) {
    case TCP_KEEPIDLE:
      if (value < 1 || value > longest) return fails(EINVAL);
      options.keep_alive_idle = std::chrono::seconds{value};
      return 0;
    case TCP_KEEPINTVL:
      if (value < 1 || value > longest) return fails(EINVAL);
      options.keep_alive_interval = std::chrono::seconds{value};
      return 0;
    case TCP_KEEPCNT:
      if (value < 1 || value > 127) return fails(EINVAL);
      options.keep_alive_probes = static_cast<std::uint8_t>(value);
      return 0;
    case TCP_USER_TIMEOUT:
      if (value < 0) return fails(EINVAL);
      options.user_timeout = value > 0 ? std::chrono::milliseconds{value} : ConnectionOptions{}.user_timeout;
      return 0;
    case TCP_LINGER2:
      if (value > 0) options.fin_wait_2_timeout = std::chrono::seconds{value};
      return 0;
    default:
      return option > 0 && option < 64 ? Result{0} : fails(ENOPROTOOPT);
  }
}

Result Calls::set_ip_option(ConnectionOptions& options, int option, int value) {
  switch (option) {
    case IP_TOS:
      options.dscp = static_cast<std::uint8_t>((value & 0xff) >> 2);
      return 0;
    case IP_TTL:
      if (value != -1 && (value < 1 || value > 255)) return fails(EINVAL);
      options.ttl = value == -1 ? ConnectionOptions{}.ttl : static_cast<std::uint8_t>(value);
      return 0;
    default:
      return 0;
  }
}

Result Calls::get_option(int fd, int level, int option, void* value, socklen_t* size) {
  Socket* socket = find(fd);
  if (socket == nullptr) return fails(EBADF);
  if (value == nullptr || size == nullptr) return fails(EFAULT);
  const MutableBytes out{static_cast<std::byte*>(value), *size};
  if (level == IPPROTO_TCP && option == TCP_INFO) {
    if (socket->has_stream()) note_limits(*socket, host_.now());
    const ConnectionInfo info = socket->has_stream() ? socket->stream.info() : ConnectionInfo{};
    *size = static_cast<socklen_t>(fill_tcp_info(info, *socket, host_.now(), out));
    return 0;
  }
  // Nothing to tell, but packetdrill asks for it and must have an answer.
  const bool cc_info = level == IPPROTO_TCP && option == TCP_CC_INFO;
  if (cc_info || (level == SOL_SOCKET && option == so_meminfo)) {
    std::memset(value, 0, *size);
    return 0;
  }
  if (level == IPPROTO_TCP && option == TCP_CONGESTION) {
    const std::string_view name = name_of(socket->connection.congestion);
    std::memset(value, 0, *size);
    store(std::as_bytes(std::span{name}), value, size);
    return 0;
  }
  if (const auto number = read_option(*socket, level, option)) {
    store(std::as_bytes(std::span{&*number, 1}), value, size);
    return 0;
  }
  const auto known = socket->options.values.find({level, option});
  if (known == socket->options.values.end()) {
    if (level != SOL_SOCKET && level != IPPROTO_TCP && level != IPPROTO_IP) return fails(EOPNOTSUPP);
    const int zero = 0;
    store(std::as_bytes(std::span{&zero, 1}), value, size);
    return 0;
  }
  store(known->second, value, size);
  return 0;
}

// FreeBSD makes room for whole segments once it knows their size.
std::uint32_t Calls::receive_space(const Socket& socket) const {
  const bool knows_mss = socket.has_stream() && socket.stream.state() != State::syn_sent;
  if (!is_freebsd() || !knows_mss) return socket.receive_space;
  const std::uint32_t mss = std::max(socket.stream.info().mss, 1u);
  return (socket.receive_space + mss - 1) / mss * mss;
}

std::optional<int> Calls::read_option(Socket& socket, int level, int option) {
  if (level == SOL_SOCKET) {
    switch (option) {
      case SO_ERROR:
        return pending_error(socket);
      case SO_TYPE:
        return SOCK_STREAM;
      case SO_DOMAIN:
        return AF_INET;
      case SO_PROTOCOL:
        return IPPROTO_TCP;
      case SO_ACCEPTCONN:
        return socket.is_listening() ? 1 : 0;
      case SO_RCVLOWAT:
        return static_cast<int>(socket.options.receive_low_water);
      case SO_SNDBUF:
        return static_cast<int>(socket.send_buffer);
      case SO_RCVBUF:
        return static_cast<int>(receive_space(socket));
      default:
        return std::nullopt;
    }
  }
  if (level == IPPROTO_TCP && option == TCP_MAXSEG) {
    if (socket.has_stream()) return static_cast<int>(socket.stream.info().mss);
    return socket.connection.maximum_segment != 0 ? socket.connection.maximum_segment : 536;
  }
  if (level == IPPROTO_TCP && option == TCP_NODELAY) return socket.connection.no_delay ? 1 : 0;
  return std::nullopt;
}

}  // namespace backstop::packetdrill
