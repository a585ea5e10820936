// What a TUN device gives at best: how fast one processor reads packets from it and writes packets to it, with no TCP
// of ours in the way. The rest of the kernel's work for a packet is in a write, as it is for a stack.
#pragma once

#include <cstdint>

#include "tools/bench/peer/clients.hpp"

namespace backstop::tools::bench {

struct DeviceLimits {
  Measured read;
  Measured write;
};

/// Makes a device of that MTU for a while; packets fill it. An MTU of 65535 is as good as super-segments: a packet that
/// size is one system call and one copy.
DeviceLimits device_limits(std::uint16_t mtu, Time time);

}  // namespace backstop::tools::bench
