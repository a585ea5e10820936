// A TCP connection of the host's own, made without waiting: the embedder's choice to dial, for proxy:HOST:PORT.
// Read next: relay.hpp, which carries bytes once it is there.
#pragma once

#include <expected>
#include <functional>
#include <string>

#include "stack/wire/address.hpp"
#include "tun/event_loop.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::tools {

/// Dials in the network namespace of the thread that makes it. Destroying it gives up, silently.
class Dial {
 public:
  /// The connected socket, non-blocking, or the errno of what failed.
  using Result = std::expected<tun::FileDescriptor, int>;
  using Done = std::move_only_function<void(Result)>;

  /// `done` is called once, by the loop and never from in here; it may destroy this object.
  Dial(tun::EventLoop& loop, Endpoint target, Done done);

 private:
  void writable();
  void finish(Result result);

  tun::EventLoop& loop_;
  Done done_;
  tun::FileDescriptor socket_;
  tun::Watch watch_;   // after the socket: it ends first
  tun::Timer failed_;  // to tell of what failed at once
};

/// The IPv4 address of `host`: dotted decimal, or a name that the system's resolver knows. Waits for the resolver, so
/// it is for the start of a program. The error is one line.
std::expected<Ipv4Address, std::string> resolve(const std::string& host);

}  // namespace backstop::tools
