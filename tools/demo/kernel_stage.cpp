// The kernel's sockets and curl as clients, over TUN.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <future>
#include <system_error>
#include <thread>

#include "tools/demo/stage.hpp"
#include "tun/event_loop.hpp"
#include "tun/pcap_writer.hpp"
#include "tun/tun_device.hpp"

namespace backstop::tools {
namespace {

constexpr int patience_ms = 5000;

// Why: a namespace without a name needs no clean-up; it ends with the last process and device in it.
void enter_new_namespace() {
  if (::unshare(CLONE_NEWNET) != 0) throw std::system_error(errno, std::generic_category(), "a new network namespace");
}

bool wait_for(int socket, short events) {
  pollfd poll{.fd = socket, .events = events, .revents = 0};
  return ::poll(&poll, 1, patience_ms) > 0;
}

int connect_error(int socket, std::uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(demo_address.value);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!wait_for(socket, POLLOUT)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

std::string read_to_end(int socket) {
  std::string answer;
  std::array<char, 4096> buffer;
  while (wait_for(socket, POLLIN)) {
    const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (size <= 0) break;
    answer.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return answer;
}

class KernelStage final : public Stage {
 public:
  explicit KernelStage(const std::string& capture)
      : device_((enter_new_namespace(), tun::TunOptions{.name = "bs0",
                                                        .network_namespace = {},
                                                        .host_address = tun::InterfaceAddress{demo_client_address, 24},
                                                        .mtu = std::nullopt,
                                                        .offload = tun::OffloadMode::off})),
        writer_(capture),
        captured_(device_, writer_),
        recorder_(captured_, tun::EventLoop::now),
        host_(recorder_, [this] { loop_.post([] {}); }),
        loop_(host_.stack, recorder_) {
    loop_.drive(host_.executor);
    thread_ = std::thread([this] { loop_.run(); });
  }

  ~KernelStage() override {
    loop_.stop();
    thread_.join();
  }

  Attempt talk(std::uint16_t port, const std::string& text) override {
    const tun::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const Instant begin = tun::EventLoop::now();
    const int error = connect_error(socket.get(), port);
    Attempt attempt{.end = Attempt::End::timed_out, .time = tun::EventLoop::now() - begin, .answer = {}};
    if (error == ECONNREFUSED) attempt.end = Attempt::End::refused;
    if (error != 0) return attempt;
    attempt.end = Attempt::End::connected;
    ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    ::shutdown(socket.get(), SHUT_WR);
    attempt.answer = read_to_end(socket.get());
    return attempt;
  }

  std::string fetch_page() override {
    FILE* curl = ::popen("curl --silent --show-error --max-time 5 http://10.90.0.2/ 2>&1", "r");
    if (curl == nullptr) return {};
    std::string page;
    std::array<char, 4096> buffer;
    while (const std::size_t size = ::fread(buffer.data(), 1, buffer.size(), curl)) page.append(buffer.data(), size);
    ::pclose(curl);
    return page;
  }

  void on_stack(const std::function<void()>& work) override {
    std::promise<void> done;
    loop_.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  DemoHost& host() override { return host_; }
  Recorder& recorder() override { return recorder_; }

 private:
  tun::TunDevice device_;
  tun::PcapWriter writer_;
  tun::PcapDevice captured_;
  Recorder recorder_;
  DemoHost host_;
  tun::EventLoop loop_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Stage> kernel_stage(const std::string& capture) { return std::make_unique<KernelStage>(capture); }

}  // namespace backstop::tools
