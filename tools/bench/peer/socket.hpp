// The few things that the kernel's side of `./dev bench` needs of sockets. Errors are std::system_error.
#pragma once

#include <cstdint>
#include <string>

#include "tun/file_descriptor.hpp"

namespace backstop::tools::bench {

struct Peer {
  std::string host;
  std::uint16_t port;
};

/// Accepts connections on every address.
tun::FileDescriptor listen_on(std::uint16_t port);
/// A connection that is established. Small segments go out at once (no Nagle).
tun::FileDescriptor connect_to(const Peer& peer);
/// One that is about to be, from one of our addresses (empty: whichever), that does not block.
tun::FileDescriptor start_connecting(const Peer& peer, const std::string& from);

/// Seconds of processor time that a process has used, in user mode and in the kernel.
double processor_seconds(int process);

}  // namespace backstop::tools::bench
