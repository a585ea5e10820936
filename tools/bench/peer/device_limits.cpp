#include "tools/bench/peer/device_limits.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "stack/wire/bytes.hpp"
#include "tools/bench/case.hpp"
#include "tun/tun_device.hpp"

namespace backstop::tools::bench {
namespace {

using tun::checked;
using tun::FileDescriptor;
using Clock = std::chrono::steady_clock;

constexpr Ipv4Address host = Ipv4Address::of(10, 213, 3, 1);
constexpr Ipv4Address behind = Ipv4Address::of(10, 213, 3, 2);
constexpr std::uint16_t port = 9;
constexpr int batch = 16;
constexpr int room = 16 << 20;  // Why: a batch of the longest packets, with what the kernel adds to each

sockaddr_in address_of(Ipv4Address address) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(address.value);
  return result;
}

/// Seconds of this thread's processor.
double processor() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// Octets of UDP's text that moved, and the time that their system calls took.
class Meter {
 public:
  template <class Calls>
  void measure(Calls calls) {
    const double begin = processor();
    octets_ += calls();
    seconds_ += processor() - begin;
  }
  [[nodiscard]] Measured result() const {
    require(octets_ > 0, "nothing went through the device");
    return {octets_ * 8 / 1e9 / seconds_, seconds_ / (octets_ / 1e9)};
  }

 private:
  double octets_ = 0;
  double seconds_ = 0;
};

/// A device, and a kernel socket on its other side that sends into it and takes what comes out.
class Limits {
 public:
  explicit Limits(std::uint16_t mtu)
      : device_({.name = "limit%d",
                 .network_namespace = {},
                 .host_address = tun::InterfaceAddress{host, 24},
                 .mtu = mtu,
                 .offload = tun::OffloadMode::off}),
        socket_(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket")),
        read_(mtu) {
    for (const int option : {SO_SNDBUFFORCE, SO_RCVBUFFORCE}) {
      checked(::setsockopt(socket_.get(), SOL_SOCKET, option, &room, sizeof room), "setsockopt");
    }
    const sockaddr_in near = address_of(host);
    const sockaddr_in far = address_of(behind);
    checked(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&near), sizeof near), "bind");
    checked(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&far), sizeof far), "connect");
  }

  void read_batch(Meter& meter) {
    const std::vector<char> text(read_.size() - 28, 'x');
    for (int i = 0; i < batch; ++i) (void)::send(socket_.get(), text.data(), text.size(), 0);
    meter.measure([&] { return read_all(); });
  }

  void write_batch(Meter& meter) {
    meter.measure([&] {
      double octets = 0;
      for (int i = 0; i < batch; ++i) octets += text_of(::write(device_.fd(), answer_.data(), answer_.size()));
      return octets;
    });
    // The kernel may still have some in its backlog.
    constexpr int patience_ms = 1000;
    pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    int taken = 0;
    for (char octet = 0; taken < batch && ::poll(&readable, 1, patience_ms) == 1;)
      if (::recv(socket_.get(), &octet, 1, 0) >= 0) ++taken;
    require(taken == batch, "a packet was lost");
  }

 private:
  double read_all() {
    double octets = 0;
    for (;;) {
      const ssize_t size = ::read(device_.fd(), read_.data(), read_.size());
      if (size < 0) return octets;
      octets += text_of(size);
      // The kernel also announces itself on a new device, now and then: those packets are short.
      if (answer_.empty() && size == std::ssize(read_)) answer_ = answer_to(read_);
    }
  }
  // The same with both ends changed over and without UDP's checksum.
  static std::vector<std::byte> answer_to(std::vector<std::byte> packet) {
    std::swap_ranges(&packet[12], &packet[16], &packet[16]);
    std::swap_ranges(&packet[20], &packet[22], &packet[22]);
    wire::store16(packet, 26, 0);
    return packet;
  }
  static double text_of(ssize_t size) { return static_cast<double>(std::max<ssize_t>(size - 28, 0)); }

  tun::TunDevice device_;
  FileDescriptor socket_;
  std::vector<std::byte> read_;
  std::vector<std::byte> answer_;
};

}  // namespace

DeviceLimits device_limits(std::uint16_t mtu, Time time) {
  Limits limits(mtu);
  Meter reading;
  Meter writing;
  Meter unused;
  limits.read_batch(unused);  // what a new device says first
  for (const auto end = Clock::now() + time; Clock::now() < end;) {
    limits.read_batch(reading);
    limits.write_batch(writing);
  }
  return {reading.result(), writing.result()};
}

}  // namespace backstop::tools::bench
