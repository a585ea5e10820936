// A stack that serves in a network namespace of its own, on a thread of its own, for the kernel's clients to talk to.
// Read next: tests/support/kernel_client.hpp, the clients.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <thread>

#include "stack/coroutine.hpp"
#include "tests/support/netns.hpp"
#include "tun/event_loop.hpp"
#include "tun/fault_injector.hpp"
#include "tun/tun_device.hpp"

namespace backstop::test {

inline constexpr tun::InterfaceAddress host_address{Ipv4Address::of(10, 90, 0, 1), 24};
inline constexpr Ipv4Address stack_address = Ipv4Address::of(10, 90, 0, 2);

struct ServedOptions {
  tun::OffloadMode offload = tun::OffloadMode::off;
  std::uint16_t mtu = 1500;
  std::optional<tun::FaultOptions> faults;
};

/// While it lives the calling thread is in the namespace. The stack belongs to the other thread from start() to stop().
class Served {
 public:
  using Handler = std::function<Task(Stream)>;

  explicit Served(const ServedOptions& options = {})
      : device_({.name = "bs0",
                 .network_namespace = space_.name(),
                 .host_address = host_address,
                 .mtu = options.mtu,
                 .offload = options.offload}) {
    if (options.faults) faults_ = std::make_unique<tun::FaultInjector>(device_, *options.faults);
    tun::Device& device = faults_ ? static_cast<tun::Device&>(*faults_) : device_;
    Config config;
    config.address = stack_address;
    tun::fit(config, device);
    stack_ = std::make_unique<Stack>(config);
    executor_ = std::make_unique<Executor>(*stack_);
    loop_ = std::make_unique<tun::EventLoop>(*stack_, device);
    loop_->drive(*executor_);
  }
  ~Served() {
    loop_->stop();
    if (thread_.joinable()) thread_.join();
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  /// Before start().
  void listen(std::uint16_t port, Handler handler) {
    executor_->spawn(accept_all(*executor_, stack_->listen({{}, port}).value(), std::move(handler)));
  }
  void start() {
    thread_ = std::thread([this] {
      try {
        loop_->run();
      } catch (...) {
        failure_ = std::current_exception();
      }
    });
  }
  /// Afterwards the stack may be looked at. Throws what the loop threw.
  void stop() {
    loop_->stop();
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

  [[nodiscard]] Stack& stack() { return *stack_; }
  [[nodiscard]] tun::TunDevice& device() { return device_; }
  [[nodiscard]] const tun::FaultInjector* faults() const { return faults_.get(); }
  [[nodiscard]] const NetworkNamespace& space() const { return space_; }

 private:
  static Task accept_all(Executor& executor, Listener listener, Handler handler) {
    while (auto stream = co_await accept(listener)) executor.spawn(handler(std::move(*stream)));
  }

  NetworkNamespace space_;
  InNamespace inside_{space_};
  tun::TunDevice device_;
  std::unique_ptr<tun::FaultInjector> faults_;
  std::unique_ptr<Stack> stack_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<tun::EventLoop> loop_;
  std::thread thread_;
  std::exception_ptr failure_;
};

}  // namespace backstop::test
