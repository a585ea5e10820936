// Work inside another network namespace, as `ip netns exec` names them, without leaving one's own.
// Read next: tun_device.hpp.
#pragma once

#include <functional>
#include <string>

namespace backstop::tun {

/// Runs `work` inside the network namespace /run/netns/NAME, and returns or throws what it does; an empty name means
/// here. Sockets and devices opened in there stay in there; the caller's thread never moves.
/// Throws std::system_error when there is no such namespace or it cannot be entered.
void in_network_namespace(const std::string& name, const std::function<void()>& work);

/// Moves the calling thread into the network namespace /run/netns/NAME, for good. Throws like the above.
void enter_network_namespace(const std::string& name);

}  // namespace backstop::tun
