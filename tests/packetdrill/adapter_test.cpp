// The library that packetdrill loads, driven without packetdrill: through its table of functions, as packetdrill calls
// them. Packets are written and compared in the notation of the other tests.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <filesystem>
#include <thread>

#include "stack/wire/segment.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/packets.hpp"
#include "tools/packetdrill/interface.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;
using Init = void (*)(const char*, PacketdrillInterface*);

constexpr Ipv4Address local_address = Ipv4Address::of(192, 168, 0, 1);
constexpr Ipv4Address remote_address = Ipv4Address::of(192, 0, 2, 1);
constexpr std::uint16_t local_port = 8080;
constexpr std::uint16_t remote_port = 40'000;

// The library lies beside the test program.
Init find_init() {
  const auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libbackstop_packetdrill.so";
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  REQUIRE(library != nullptr);
  const auto init = reinterpret_cast<Init>(::dlsym(library, "packetdrill_interface_init"));
  REQUIRE(init != nullptr);
  return init;
}

sockaddr_in address_of(Ipv4Address address, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(address.value);
  in.sin_port = htons(port);
  return in;
}

/// One script's run: the table, and the shorthand that makes a script of it.
class Script {
 public:
  explicit Script(const char* flags = nullptr) { find_init()(flags, &table); }
  ~Script() { table.free(table.userdata); }
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  template <class Function, class... Arguments>
  auto call(Function PacketdrillInterface::* entry, Arguments... arguments) {
    return (table.*entry)(table.userdata, arguments...);
  }

  std::chrono::microseconds now() {
    timeval time{};
    call(&PacketdrillInterface::gettimeofday, &time, static_cast<struct timezone*>(nullptr));
    return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
  }

  void inject(wire::Segment segment) {
    segment.source_port = remote_port;
    segment.destination_port = local_port;
    const Packet packet = tcp_packet({.source = remote_address, .destination = local_address}, segment);
    REQUIRE(call(&PacketdrillInterface::netdev_send, static_cast<const void*>(packet.data()), packet.size()) == 0);
  }

  struct Emitted {
    Packet bytes;
    wire::Segment segment;
    std::chrono::microseconds at{};
  };
  Emitted next() {
    Emitted emitted{.bytes = Packet(65'536), .segment = {}};
    std::size_t size = emitted.bytes.size();
    long long at = 0;
    REQUIRE(call(&PacketdrillInterface::netdev_receive, static_cast<void*>(emitted.bytes.data()), &size, &at) == 0);
    REQUIRE(size > 0);
    emitted.bytes.resize(size);
    emitted.at = std::chrono::microseconds{at};
    emitted.segment = wire::parse_segment(wire::parse_ipv4(emitted.bytes).value()).value();
    return emitted;
  }

  int listen() {
    const int fd = call(&PacketdrillInterface::socket, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    REQUIRE(fd >= 0);
    const sockaddr_in address = address_of(local_address, local_port);
    REQUIRE(call(&PacketdrillInterface::bind, fd, reinterpret_cast<const sockaddr*>(&address),
                 socklen_t{sizeof address}) == 0);
    REQUIRE(call(&PacketdrillInterface::listen, fd, 1) == 0);
    return fd;
  }

  /// A handshake; returns the accepted socket. Afterwards the peer stands at 1 and so do we, relative to `iss`.
  int accept(int listener) {
    wire::Segment syn{.seq = SeqNum{0}, .flags = wire::Flag::syn, .window = 32'792};
    syn.options.mss = 1000;
    inject(syn);
    const Emitted answer = next();
    REQUIRE(answer.segment.flags == (wire::Flag::syn | wire::Flag::ack));
    iss = answer.segment.seq;
    inject({.seq = SeqNum{1}, .ack = iss + 1, .flags = wire::Flag::ack, .window = 32'792});
    const int fd = call(&PacketdrillInterface::accept, listener, static_cast<sockaddr*>(nullptr),
                        static_cast<socklen_t*>(nullptr));
    REQUIRE(fd >= 0);
    return fd;
  }

  void inject_text(std::size_t size) {
    static const Packet zeros(10'000);
    inject({.seq = SeqNum{1},
            .ack = iss + 1,
            .flags = wire::Flag::ack | wire::Flag::psh,
            .window = 32'792,
            .text = Bytes{zeros}.first(size)});
  }

  PacketdrillInterface table{};
  SeqNum iss;
};

TEST_CASE("adapter: every entry of the table is set") {
  Script script;
  const auto* entries = reinterpret_cast<void* const*>(&script.table);
  for (std::size_t i = 0; i < sizeof script.table / sizeof(void*); ++i) {
    CAPTURE(i);
    CHECK(entries[i] != nullptr);
  }
}

TEST_CASE("adapter: the clock moves by itself, and a wait of hours takes no time") {
  Script script;
  const auto first = script.now();
  CHECK(script.now() > first);
  script.call(&PacketdrillInterface::usleep, useconds_t{3'600'000'000u});
  CHECK(script.now() - first >= 1h);
}

TEST_CASE("adapter: a passive open, text both ways, and the close") {
  Script script;
  const int listener = script.listen();
  const int fd = script.accept(listener);

  script.inject_text(10);
  CHECK(script.next().segment.ack == SeqNum{11});
  std::array<char, 100> buffer{};
  CHECK(script.call(&PacketdrillInterface::read, fd, static_cast<void*>(buffer.data()), buffer.size()) == 10);

  CHECK(script.call(&PacketdrillInterface::write, fd, static_cast<const void*>(buffer.data()), std::size_t{50}) == 50);
  const auto text = script.next();
  CHECK(text.segment.text.size() == 50);
  CHECK(text.segment.flags.has(wire::Flag::psh));

  script.inject({.seq = SeqNum{11}, .ack = script.iss + 51, .flags = wire::Flag::ack, .window = 32'792});
  CHECK(script.call(&PacketdrillInterface::close, fd) == 0);
  CHECK(script.next().segment.fin());
  CHECK(script.call(&PacketdrillInterface::close, listener) == 0);
}

TEST_CASE("adapter: a retransmission comes at its time though the script only asks for the packet") {
  Script script;
  const int fd = script.accept(script.listen());
  const std::array<char, 10> text{};
  CHECK(script.call(&PacketdrillInterface::write, fd, static_cast<const void*>(text.data()), text.size()) == 10);
  const auto first = script.next();
  const auto second = script.next();
  CHECK(second.segment.seq == first.segment.seq);
  CHECK(second.at - first.at >= 200ms);
  CHECK(second.at - first.at < 400ms);
}

TEST_CASE("adapter: a read that blocks in another thread ends at the moment when the text arrives", "[threads]") {
  Script script;
  const int fd = script.accept(script.listen());
  std::chrono::microseconds woken_at{};
  ssize_t size = 0;
  std::thread reader{[&] {
    std::array<char, 100> buffer{};
    size = script.call(&PacketdrillInterface::read, fd, static_cast<void*>(buffer.data()), buffer.size());
    woken_at = script.now();
  }};
  // Time may pass before the reader has come to wait: what counts is when the text comes.
  script.call(&PacketdrillInterface::usleep, useconds_t{100'000});
  const auto arrival = script.now();
  script.inject_text(10);
  script.next();
  reader.join();
  CHECK(size == 10);
  CHECK(woken_at - arrival < 1ms);
}

TEST_CASE("adapter: the moment of a waking stays though the script has gone on", "[threads]") {
  Script script;
  const int listener = script.listen();
  std::chrono::microseconds woken_at{};
  std::atomic<bool> asked = false;
  int child = -1;
  std::thread acceptor{[&] {
    asked = true;
    child = script.call(&PacketdrillInterface::accept, listener, static_cast<sockaddr*>(nullptr),
                        static_cast<socklen_t*>(nullptr));
    woken_at = script.now();
  }};
  while (!asked) std::this_thread::yield();
  wire::Segment syn{.seq = SeqNum{0}, .flags = wire::Flag::syn, .window = 1000};
  script.inject(syn);
  const SeqNum iss = script.next().segment.seq;
  script.inject({.seq = SeqNum{1}, .ack = iss + 1, .flags = wire::Flag::ack, .window = 1000});
  acceptor.join();
  CHECK(child >= 0);
  CHECK(woken_at <= script.now());
}

TEST_CASE("adapter: without a word to send, packetdrill gets an empty packet and can end") {
  Script script;
  script.listen();
  std::array<std::byte, 2000> buffer{};
  std::size_t size = buffer.size();
  long long at = 0;
  CHECK(script.call(&PacketdrillInterface::netdev_receive, static_cast<void*>(buffer.data()), &size, &at) == 0);
  CHECK(size == 0);
}

TEST_CASE("adapter: errors are Linux's") {
  Script script;
  std::array<char, 10> buffer{};
  void* const data = buffer.data();
  const auto fails_with = [](auto result, int error) { return result == -1 && errno == error; };

  const int listener = script.listen();
  CHECK(fails_with(script.call(&PacketdrillInterface::read, listener, data, buffer.size()), ENOTCONN));
  CHECK(fails_with(script.call(&PacketdrillInterface::read, 9999, data, buffer.size()), EBADF));
  CHECK(fails_with(script.call(&PacketdrillInterface::socket, AF_INET6, SOCK_STREAM, 0), EAFNOSUPPORT));

  const int fd = script.accept(listener);
  const int flags = O_RDWR | O_NONBLOCK;
  CHECK(script.table.fcntl(script.table.userdata, fd, F_SETFL, flags) == 0);
  CHECK(fails_with(script.call(&PacketdrillInterface::read, fd, data, buffer.size()), EAGAIN));
  script.inject({.seq = SeqNum{1}, .flags = wire::Flag::rst});
  CHECK(fails_with(script.call(&PacketdrillInterface::read, fd, data, buffer.size()), ECONNRESET));
  CHECK(script.call(&PacketdrillInterface::read, fd, data, buffer.size()) == 0);
}

TEST_CASE("adapter: a connection that is refused says so to whoever asks for the socket's error") {
  Script script;
  const int fd = script.call(&PacketdrillInterface::socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const sockaddr_in remote = address_of(remote_address, remote_port);
  const auto connect = [&] {
    return script.call(&PacketdrillInterface::connect, fd, reinterpret_cast<const sockaddr*>(&remote),
                       socklen_t{sizeof remote});
  };
  CHECK(connect() == -1);
  CHECK(errno == EINPROGRESS);
  const auto syn = script.next();
  CHECK(syn.segment.flags == wire::Flags{wire::Flag::syn});
  wire::Segment reset{.source_port = remote_port,
                      .destination_port = syn.segment.source_port,
                      .ack = syn.segment.seq + 1,
                      .flags = wire::Flag::rst | wire::Flag::ack};
  const Packet packet = tcp_packet({.source = remote_address, .destination = local_address}, reset);
  script.call(&PacketdrillInterface::netdev_send, static_cast<const void*>(packet.data()), packet.size());
  int error = 0;
  socklen_t size = sizeof error;
  CHECK(script.call(&PacketdrillInterface::getsockopt, fd, SOL_SOCKET, SO_ERROR, static_cast<void*>(&error), &size) ==
        0);
  CHECK(error == ECONNREFUSED);
}

TEST_CASE("adapter: TCP_INFO tells in segments what the stack counts in octets") {
  Script script{"initial_window=4"};
  const int fd = script.accept(script.listen());
  const std::array<char, 3000> text{};
  CHECK(script.call(&PacketdrillInterface::write, fd, static_cast<const void*>(text.data()), text.size()) == 3000);
  tcp_info info{};
  socklen_t size = sizeof info;
  CHECK(script.call(&PacketdrillInterface::getsockopt, fd, IPPROTO_TCP, TCP_INFO, static_cast<void*>(&info), &size) ==
        0);
  CHECK(info.tcpi_state == 1);
  CHECK(info.tcpi_snd_cwnd == 4);
  CHECK(info.tcpi_snd_mss == 1000);
  CHECK(info.tcpi_unacked == 3);
}

TEST_CASE("adapter: poll and epoll see what can be read") {
  Script script;
  const int fd = script.accept(script.listen());
  pollfd entry{.fd = fd, .events = POLLIN | POLLOUT, .revents = 0};
  CHECK(script.call(&PacketdrillInterface::poll, &entry, nfds_t{1}, 0) == 1);
  CHECK(entry.revents == POLLOUT);

  const int epfd = script.call(&PacketdrillInterface::epoll_create, 1);
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = fd}};
  CHECK(script.call(&PacketdrillInterface::epoll_ctl, epfd, EPOLL_CTL_ADD, fd, &event) == 0);
  CHECK(script.call(&PacketdrillInterface::epoll_wait, epfd, &event, 1, 0) == 0);
  script.inject_text(10);
  CHECK(script.call(&PacketdrillInterface::epoll_wait, epfd, &event, 1, 0) == 1);
  CHECK(event.events == EPOLLIN);
  CHECK(script.call(&PacketdrillInterface::epoll_wait, epfd, &event, 1, 0) == 0);
}

TEST_CASE("adapter: FreeBSD's profile has its order of options in a SYN") {
  Script script{"profile=freebsd"};
  script.listen();
  wire::Segment syn{.seq = SeqNum{0}, .flags = wire::Flag::syn, .window = 1000};
  syn.options = {
      .mss = 1460, .window_scale = 6, .sack_permitted = true, .timestamps = wire::Timestamps{1, 0}, .sack = {}};
  script.inject(syn);
  const auto answer = script.next();
  const Bytes options = Bytes{answer.bytes}.subspan(40);
  REQUIRE(options.size() == 20);
  CHECK(wire::load8(options, 0) == 2);
  CHECK(wire::load8(options, 4) == 1);
  CHECK(wire::load8(options, 5) == 3);
  CHECK(wire::load8(options, 8) == 4);
  CHECK(wire::load8(options, 10) == 8);
}

}  // namespace
}  // namespace backstop::test
