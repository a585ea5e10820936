#include "tools/serve/status_socket.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tools/unix_address.hpp"

namespace backstop::tools {
namespace {

using tun::FileDescriptor;

constexpr std::size_t most_clients = 16;
constexpr Duration patience = std::chrono::seconds{10};

FileDescriptor new_socket() {
  return FileDescriptor(
      tun::checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket AF_UNIX"));
}

/// Whether a socket lies at `path` that nobody serves any more.
bool is_left_behind(const std::string& path, const UnixAddress& address) {
  struct stat file{};
  if (::lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
  return ::connect(new_socket().get(), address.get(), sizeof(sockaddr_un)) != 0 && errno == ECONNREFUSED;
}

FileDescriptor listen_at(const std::string& path) {
  const UnixAddress address(path);
  FileDescriptor socket = new_socket();
  const auto bind = [&] { return ::bind(socket.get(), address.get(), sizeof(sockaddr_un)) == 0; };
  bool bound = bind();
  if (!bound && errno == EADDRINUSE && is_left_behind(path, address)) {
    ::unlink(path.c_str());
    bound = bind();
  } else if (!bound && errno == EADDRINUSE) {
    throw tun::SystemError(EADDRINUSE, "--status-socket " + path, "it is there, and in use; take another path");
  }
  if (!bound) tun::throw_errno("--status-socket " + path);
  if (::listen(socket.get(), most_clients) != 0) tun::throw_errno("--status-socket " + path);
  return socket;
}

HttpStatus status_of(const HttpRequestParser& parsed, bool found) {
  if (parsed.error()) return *parsed.error();
  const auto& method = parsed.request().method;
  if (method != "GET" && method != "HEAD") return HttpStatus::method_not_allowed;
  return found ? HttpStatus::ok : HttpStatus::not_found;
}

}  // namespace

std::string respond(const HttpRequestParser& parsed, const FindPage& find_page) {
  auto page = parsed.error() ? std::nullopt : find_page(parsed.request().target);
  const HttpStatus status = status_of(parsed, page.has_value());
  const std::string reason(reason_phrase(status));
  if (status != HttpStatus::ok) page = StatusPage{reason + "\n", "text/plain"};
  std::string text = "HTTP/1.0 " + std::to_string(static_cast<int>(status)) + " " + reason + "\r\n";
  text += "Content-Type: " + std::string(page->type) + "\r\n";
  text += "Content-Length: " + std::to_string(page->content.size()) + "\r\n\r\n";
  if (parsed.request().method != "HEAD") text += page->content;
  return text;
}

StatusSocket::StatusSocket(tun::EventLoop& loop, std::string path, FindPage find_page)
    : loop_(loop),
      path_(std::move(path)),
      find_page_(std::move(find_page)),
      listener_(listen_at(path_)),
      watch_(loop.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { welcome(); })) {}

StatusSocket::~StatusSocket() { ::unlink(path_.c_str()); }

void StatusSocket::welcome() {
  FileDescriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket || clients_.size() == most_clients) return;
  const Place client = clients_.emplace(clients_.end());
  client->socket = std::move(socket);
  client->watch = loop_.watch(client->socket.get(), EPOLLIN, [this, client](std::uint32_t) { turn(client); });
  client->patience = loop_.call_after(patience, [this, client] { clients_.erase(client); });
}

void StatusSocket::turn(Place client) {
  bool goes_on = true;
  if (client->answer.empty()) {
    goes_on = read_request(*client);
    if (!client->request.finished()) {
      if (!goes_on) clients_.erase(client);
      return;
    }
    client->answer = respond(client->request, find_page_);
    client->watch.set_events(EPOLLOUT);
  }
  if (!send_answer(*client)) clients_.erase(client);
}

// False when the client has gone.
bool StatusSocket::read_request(Client& client) {
  std::array<std::byte, 4096> buffer;
  const ssize_t size = ::recv(client.socket.get(), buffer.data(), buffer.size(), 0);
  if (size > 0) client.request.take(Bytes{buffer}.first(static_cast<std::size_t>(size)));
  return size > 0 || (size < 0 && errno == EAGAIN);
}

// False when all is sent, or the client has gone.
bool StatusSocket::send_answer(Client& client) {
  const std::string_view rest = std::string_view(client.answer).substr(client.sent);
  const ssize_t size = ::send(client.socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
  if (size < 0) return errno == EAGAIN;
  client.sent += static_cast<std::size_t>(size);
  return client.sent < client.answer.size();
}

}  // namespace backstop::tools
