#include "tools/demo/host.hpp"

#include "tools/secret.hpp"
#include "tools/serve/handlers.hpp"

namespace backstop::tools {

DemoHost::DemoHost(const tun::Device& device, std::function<void()> wake)
    : stack(configuration(device)), executor(stack), fallback(stack, executor, options(std::move(wake))) {
  executor.spawn(serve_pages(executor, stack.listen({{}, 80}).value()));
}

Config DemoHost::configuration(const tun::Device& device) {
  Config config;
  config.address = demo_address;
  config.secret = random_secret();
  tun::fit(config, device);
  return config;
}

FallbackOptions DemoHost::options(std::function<void()> wake) {
  FallbackOptions options;
  options.wake = std::move(wake);
  return options;
}

Task DemoHost::serve_pages(Executor& executor, Listener listener) {
  while (auto stream = co_await accept(listener)) executor.spawn(http(std::move(*stream)));
}

}  // namespace backstop::tools
