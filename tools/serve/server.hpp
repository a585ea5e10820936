// A run of `backstop serve`: the queues of a TUN device, each with a stack and what runs on it, signals that end it,
// and a socket that tells what all of them are doing. Read next: queue.hpp.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "tools/serve/journal.hpp"
#include "tools/serve/options.hpp"
#include "tools/serve/queue.hpp"
#include "tools/serve/status_socket.hpp"
#include "tun/signals.hpp"

namespace backstop::tools {

/// Puts the calling thread into the network namespace of the options, and finds the hosts that rules name there.
/// Throws std::system_error or std::invalid_argument.
ServeOptions settled(ServeOptions options);

class Server {
 public:
  /// Makes everything. The options are settled. Throws std::system_error or std::invalid_argument, and leaves nothing
  /// behind.
  explicit Server(ServeOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Serves until a signal comes, the time is over or one of the queues fails, closes what is open, and tells what it
  /// has seen. Throws std::system_error when a device or the capture fails.
  void run();

 private:
  void share_packets();
  void stop();
  [[nodiscard]] std::optional<StatusPage> find_page(std::string_view path);
  [[nodiscard]] Status status();

  ServeOptions options_;
  Journal journal_;
  std::vector<std::unique_ptr<Queue>> queues_;  // never empty; the first is ours, the others have threads
  std::optional<StatusSocket> status_socket_;
};

}  // namespace backstop::tools
