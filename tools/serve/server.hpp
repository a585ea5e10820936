// A run of `backstop serve`: a stack on a TUN device, listeners and fallback rules on it, and the loop that drives
// them. Read next: serving.hpp, what runs on the stack; link.hpp, what is below it.
#pragma once

#include <optional>

#include "stack/stack.hpp"
#include "tools/serve/journal.hpp"
#include "tools/serve/link.hpp"
#include "tools/serve/options.hpp"
#include "tools/serve/serving.hpp"
#include "tools/serve/status_socket.hpp"
#include "tun/event_loop.hpp"
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

  /// Serves until a signal comes or the time is over, closes what is open, and tells what it has seen.
  /// Throws std::system_error when the device or the capture fails.
  void run();

 private:
  void count(Summary& summary) const;
  [[nodiscard]] std::optional<StatusPage> find_page(std::string_view path) const;
  [[nodiscard]] Status status() const;
  void close_connections();
  [[nodiscard]] bool everything_is_closed() const;

  ServeOptions options_;
  Journal journal_;
  Link link_;
  Stack stack_;
  tun::EventLoop loop_;
  std::optional<Serving> serving_;  // after the loop: its tasks watch descriptors there
  std::optional<StatusSocket> status_socket_;
};

}  // namespace backstop::tools
