#include "tools/serve/relay.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace backstop::tools {
namespace {

/// One direction of the socket: whether the last call on it left something to do, and who waits for that.
struct Side {
  bool ready = false;
  Task::promise_type* waiter = nullptr;

  void wake() {
    ready = true;
    if (auto* task = std::exchange(waiter, nullptr)) task->executor->make_ready(*task);
  }
};

/// A result of a call on the socket, or the errno.
using SocketResult = std::expected<std::size_t, int>;

class Upstream {
 public:
  // Edges are enough: a side is asked for until it says EAGAIN, and only then waited for.
  Upstream(tun::EventLoop& loop, tun::FileDescriptor socket)
      : socket_(std::move(socket)),
        watch_(loop.watch(socket_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                          [this](std::uint32_t events) { show(events); })) {}

  /// 0 is the end of text.
  SocketResult receive(MutableBytes buffer) {
    return result_of(::recv(socket_.get(), buffer.data(), buffer.size(), 0), in);
  }
  SocketResult send(Bytes text) {
    return result_of(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL), out);
  }
  void end_of_text() { ::shutdown(socket_.get(), SHUT_WR); }
  /// RST to whoever is at the other end. Every call fails from now on.
  void abort() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    if (socket_) ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    watch_.reset();
    socket_.reset();
    in.wake();
    out.wake();
  }

  Side in;
  Side out;

 private:
  void show(std::uint32_t events) {
    constexpr std::uint32_t ended = EPOLLHUP | EPOLLERR;
    if ((events & (EPOLLIN | EPOLLRDHUP | ended)) != 0) in.wake();
    if ((events & (EPOLLOUT | ended)) != 0) out.wake();
  }
  static SocketResult result_of(ssize_t result, Side& side) {
    if (result >= 0) return static_cast<std::size_t>(result);
    if (errno == EAGAIN) side.ready = false;
    return std::unexpected(errno);
  }

  tun::FileDescriptor socket_;
  tun::Watch watch_;
};

/// Waits for a side of the socket, or for the end of the client's connection. True for the former.
class [[nodiscard]] Ready final : public detail::Operation {
 public:
  Ready(Side& side, Stream& client) : Operation(client.id(), {.closed = true}), side_(side), client_(client) {}
  Ready(const Ready&) = delete;
  Ready& operator=(const Ready&) = delete;
  ~Ready() { side_.waiter = nullptr; }

  bool attempt() override { return side_.ready || client_.state() == State::closed; }
  void await_suspend(Task::Handle task) {
    side_.waiter = &task.promise();
    Operation::await_suspend(task);
  }
  [[nodiscard]] bool await_resume() const { return side_.ready; }

 private:
  Side& side_;
  Stream& client_;
};

Task to_upstream(Stream& client, Upstream& upstream) {
  while (true) {
    const auto text = co_await readable(client);
    if (!text) co_return upstream.abort();
    if (text->empty()) co_return upstream.end_of_text();
    const auto sent = upstream.send(*text);
    if (sent) {
      client.consume(*sent);
    } else if (sent.error() != EAGAIN) {
      co_return client.abort();
    } else if (!co_await Ready(upstream.out, client)) {
      co_return upstream.abort();
    }
  }
}

Task to_client(Stream& client, Upstream& upstream) {
  // The socket is waited for first, then room: an idle connection holds no block.
  while (co_await Ready(upstream.in, client)) {
    const auto space = co_await writable(client);
    if (!space) break;
    const auto received = upstream.receive(*space);
    if (received && *received > 0) {
      client.commit(*received);
    } else if (received) {
      if (!client.close()) break;
      co_return;
    } else if (received.error() != EAGAIN) {
      co_return client.abort();
    }
  }
  upstream.abort();
}

}  // namespace

Task relay(Stream client, tun::EventLoop& loop, tun::FileDescriptor socket) {
  Upstream upstream(loop, std::move(socket));
  co_await both(to_client(client, upstream), to_upstream(client, upstream));
}

}  // namespace backstop::tools
