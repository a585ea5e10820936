// How a device queues what the host sends to it (tc(8), "qdisc"), set through rtnetlink. Read next: tun_device.cpp.
#pragma once

#include <string>

namespace backstop::tun {

/// Takes the queue away that the host has in front of the device `name`, in the network namespace of the calling
/// thread: what `tc qdisc replace dev NAME root noqueue` does. False, and errno, when the kernel does not have it so.
bool set_noqueue(const std::string& name);

}  // namespace backstop::tun
