// The embedder that the demo shows: a stack with a web page on port 80, and a fallback manager behind it.
// Read next: story.cpp, what is asked of it.
#pragma once

#include <functional>

#include "fallback/manager.hpp"
#include "stack/coroutine.hpp"
#include "stack/stack.hpp"
#include "tun/device.hpp"

namespace backstop::tools {

inline constexpr Ipv4Address demo_address = Ipv4Address::of(10, 90, 0, 2);
inline constexpr Ipv4Address demo_client_address = Ipv4Address::of(10, 90, 0, 1);

class DemoHost {
 public:
  /// `wake` is called on any thread when the loop that drives the stack should turn.
  DemoHost(const tun::Device& device, std::function<void()> wake);

  Stack stack;
  Executor executor;
  FallbackManager fallback;

 private:
  static Config configuration(const tun::Device& device);
  static FallbackOptions options(std::function<void()> wake);
  static Task serve_pages(Executor& executor, Listener listener);
};

}  // namespace backstop::tools
