// `backstop ss`: asks a running `backstop serve` what it is doing, and shows it.
// Read next: ../serve/status_socket.hpp, who answers.
#include <sys/socket.h>
#include <sys/time.h>

#include <CLI/CLI.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>

#include "tools/command.hpp"
#include "tools/unix_address.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::tools {
namespace {

constexpr const char* help =
    R"(Shows every connection in the columns of ss(8) with its internals as `ss -ti` has them, the flows that wait for a
decision or for the end of their handshake, what is remembered of the ports that flows were seen for, and the counters.

Example:
  backstop serve --status-socket /run/backstop.sock ... &
  backstop ss
  curl --unix-socket /run/backstop.sock http://backstop/metrics     the same for Prometheus)";

struct SsArguments {
  std::string socket = "/run/backstop.sock";
  bool json = false;
};

tun::FileDescriptor connect_to(const std::string& path) {
  tun::FileDescriptor socket(tun::checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket AF_UNIX"));
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const UnixAddress address(path);
  if (::connect(socket.get(), address.get(), sizeof(sockaddr_un)) != 0) {
    tun::throw_errno(path, "no `backstop serve --status-socket " + path + "` runs; --socket names another one");
  }
  return socket;
}

/// The whole response to a request for `target`.
std::string ask(const std::string& path, const std::string& target) {
  const auto socket = connect_to(path);
  const std::string request = "GET " + target + " HTTP/1.0\r\n\r\n";
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) tun::throw_errno(path);
  std::string response;
  std::array<char, 65'536> buffer;
  while (const ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), 0)) {
    if (size < 0) tun::throw_errno(path);
    response.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return response;
}

std::string content_of(const std::string& response, const std::string& path) {
  const auto head = response.find("\r\n\r\n");
  if (!response.starts_with("HTTP/1.0 200 ") || head == std::string::npos) {
    throw std::runtime_error(path + ": this is not the status socket of a `backstop serve`");
  }
  return response.substr(head + 4);
}

void run(const SsArguments& arguments) try {
  const auto response = ask(arguments.socket, arguments.json ? "/status.json" : "/ss");
  std::cout << content_of(response, arguments.socket) << std::flush;
} catch (const std::system_error& error) {
  throw UsageError(error.what());
}

}  // namespace

void add_ss(CLI::App& app) {
  auto arguments = std::make_shared<SsArguments>();
  CLI::App* ss = app.add_subcommand("ss", "Show what a running `backstop serve` is doing: connections, flows, ports.");
  ss->add_option("--socket", arguments->socket, "where its --status-socket is")
      ->type_name("PATH")
      ->capture_default_str();
  ss->add_flag("--json", arguments->json, "as one object of JSON");
  ss->footer(help);
  ss->callback([arguments] { run(*arguments); });
}

}  // namespace backstop::tools
