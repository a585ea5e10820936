#include "tun/tun_device.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "stack/wire/checksum.hpp"
#include "stack/wire/segment.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/netns.hpp"
#include "tun/network_namespace.hpp"
#include "tun/qdisc.hpp"
#include "tun/receive_thread.hpp"

namespace backstop::tun {
namespace {

using test::InNamespace;
using test::NetworkNamespace;

constexpr InterfaceAddress host_address{Ipv4Address::of(10, 90, 0, 1), 24};

/// "name address/prefix" of all interfaces here that have an IPv4 address, as the C library tells it.
std::set<std::string> addresses_here() {
  ifaddrs* first = nullptr;
  checked(::getifaddrs(&first), "getifaddrs");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(first, ::freeifaddrs);
  std::set<std::string> addresses;
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    const auto number = [](const sockaddr* address) {
      sockaddr_in in{};
      std::memcpy(&in, address, sizeof(in));
      return ntohl(in.sin_addr.s_addr);
    };
    const auto prefix = static_cast<std::uint8_t>(std::popcount(number(each->ifa_netmask)));
    addresses.insert(std::string(each->ifa_name) + " " + to_string({{number(each->ifa_addr)}, prefix}));
  }
  return addresses;
}

std::set<std::string> interfaces_here() {
  std::set<std::string> names;
  const std::unique_ptr<struct if_nameindex[], decltype(&::if_freenameindex)> list(::if_nameindex(),
                                                                                   ::if_freenameindex);
  for (const auto* each = list.get(); each->if_index != 0; ++each) names.insert(each->if_name);
  return names;
}

/// A device that stays without us, as `ip tuntap add` makes it.
void make_persistent(const std::string& name, short flags = IFF_TUN | IFF_NO_PI) {
  const FileDescriptor fd(checked(::open("/dev/net/tun", O_RDWR | O_CLOEXEC), "open /dev/net/tun"));
  ifreq request{};
  std::ranges::copy(name, request.ifr_name);
  request.ifr_flags = flags;
  checked(::ioctl(fd.get(), TUNSETIFF, &request), "TUNSETIFF");
  checked(::ioctl(fd.get(), TUNSETPERSIST, 1), "TUNSETPERSIST");
}

/// Switches a device on that nobody is attached to, and lets the kernel take note that nobody is. It does so a moment
/// later, in a thread of its own.
void set_up_unattached(Interface& interface) {
  interface.set_up();
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  while (interface.running() && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  REQUIRE_FALSE(interface.running());
}

/// The kernel's answer to a request of rtnetlink(7) about one link.
std::vector<char> ask_about_link(const std::string& name, std::uint16_t type, std::uint16_t flags) {
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = flags;
  request.link.ifi_index = static_cast<int>(::if_nametoindex(name.c_str()));
  const FileDescriptor socket(checked(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "socket"));
  checked(static_cast<int>(::send(socket.get(), &request, sizeof(request), 0)), "send");
  std::vector<char> answer(8192);
  const int size = checked(static_cast<int>(::recv(socket.get(), answer.data(), answer.size(), 0)), "recv");
  answer.resize(static_cast<std::size_t>(size));
  return answer;
}

/// What `ip link delete` does.
void delete_link(const std::string& name) { ask_about_link(name, RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK); }

/// The queueing discipline before the device, as `ip link show` has it.
std::string qdisc_of(const std::string& name) {
  const std::vector<char> answer = ask_about_link(name, RTM_GETLINK, NLM_F_REQUEST);
  rtattr attribute{};
  for (std::size_t at = NLMSG_LENGTH(sizeof(ifinfomsg)); at < answer.size(); at += RTA_ALIGN(attribute.rta_len)) {
    std::memcpy(&attribute, answer.data() + at, sizeof(attribute));
    if (attribute.rta_type == IFLA_QDISC) return answer.data() + at + RTA_LENGTH(0);
  }
  return "";
}

/// A datagram from the kernel's UDP to `to`: what a device is to receive.
void send_datagram(Ipv4Address to, std::size_t size) {
  const FileDescriptor socket(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(to.value);
  const std::vector<char> text(size, 'x');
  ::sendto(socket.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

/// The next packet that is IPv4: the kernel also announces itself over IPv6. It stays valid as receive() says.
std::optional<InboundPacket> receive_ipv4(Device& device) {
  while (const auto packet = device.receive()) {
    if (wire::load8(packet->bytes, 0) >> 4 == 4) return packet;
  }
  return std::nullopt;
}

TunOptions plain_options() {
  return {
      .name = "bs0", .network_namespace = {}, .host_address = host_address, .mtu = 1400, .offload = OffloadMode::off};
}

TEST_CASE("TUN: a device made here has its address, MTU and link, and vanishes when closed", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  {
    const TunDevice device(plain_options());
    CHECK(device.name() == "bs0");
    CHECK(device.mtu() == 1400);
    CHECK(device.host_address() == host_address);
    CHECK_FALSE(device.existed());
    CHECK(device.offload() == OffloadCapabilities{});
    CHECK(device.fd() >= 0);
    CHECK(addresses_here().contains("bs0 10.90.0.1/24"));
    CHECK(Interface("bs0").mtu() == 1400);
    CHECK(Interface("bs0").up());
  }
  CHECK(interfaces_here() == std::set<std::string>{"lo"});
}

TEST_CASE("TUN: a device made here has no queue before it, and one that exists keeps its own", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  make_persistent("bs1");
  Interface("bs1").set_up();
  const std::string before = qdisc_of("bs1");
  TunOptions options = plain_options();
  options.several_queues = GENERATE(false, true);
  const TunDevice made(options);
  const TunDevice attached({.name = "bs1", .network_namespace = {}, .host_address = {}, .mtu = {}});
  CHECK(qdisc_of("bs0") == "noqueue");
  CHECK(qdisc_of("bs1") == before);
}

TEST_CASE("TUN: no queue can be taken from a device that is not there", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  CHECK_FALSE(set_noqueue("bs0"));
  CHECK(errno == ENODEV);
}

TEST_CASE("TUN: every prefix length is set and read back", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  for (const int prefix : {1, 8, 24, 30, 31, 32}) {
    TunOptions options = plain_options();
    options.host_address->prefix = static_cast<std::uint8_t>(prefix);
    const TunDevice device(options);
    CHECK(device.host_address() == options.host_address);
    CHECK(addresses_here().contains("bs0 10.90.0.1/" + std::to_string(prefix)));
  }
}

TEST_CASE("TUN: made in another namespace, while the process stays where it is", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace outer;
  const NetworkNamespace inner;
  const InNamespace here(outer);
  TunOptions options = plain_options();
  options.network_namespace = inner.name();
  {
    TunDevice device(options);
    CHECK(interfaces_here() == std::set<std::string>{"lo"});
    const InNamespace inside(inner);
    CHECK(addresses_here().contains("bs0 10.90.0.1/24"));
    send_datagram(Ipv4Address::of(10, 90, 0, 2), 10);
    CHECK(receive_ipv4(device));
  }
  const InNamespace inside(inner);
  CHECK(interfaces_here() == std::set<std::string>{"lo"});
}

TEST_CASE("TUN: without options the kernel's own MTU and no address; a pattern lets it choose the name", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  const TunDevice first({.name = "bs%d", .network_namespace = {}, .host_address = {}, .mtu = {}});
  const TunDevice second({.name = "bs%d", .network_namespace = {}, .host_address = {}, .mtu = {}});
  CHECK(first.name() == "bs0");
  CHECK(second.name() == "bs1");
  CHECK(first.mtu() == 1500);
  CHECK_FALSE(first.host_address());
}

TEST_CASE("TUN: a device that exists is attached to as it is, and stays", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  make_persistent("bs0");
  Interface interface("bs0");
  interface.set_mtu(9000);
  interface.set_address({Ipv4Address::of(10, 7, 0, 1), 16});
  set_up_unattached(interface);
  {
    TunDevice device({.name = "bs0", .network_namespace = {}, .host_address = {}, .mtu = {}});
    CHECK(device.existed());
    CHECK(device.mtu() == 9000);
    CHECK(device.host_address() == InterfaceAddress{Ipv4Address::of(10, 7, 0, 1), 16});
    send_datagram(Ipv4Address::of(10, 7, 0, 2), 8000);
    const auto packet = receive_ipv4(device);
    REQUIRE(packet);
    CHECK(packet->bytes.size() == 8028);
  }
  CHECK(addresses_here().contains("bs0 10.7.0.1/16"));
  CHECK(interface.mtu() == 9000);
  CHECK(interface.up());
}

TEST_CASE("TUN: an existing device without an address gets the one asked for", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  make_persistent("bs0");
  TunOptions options = plain_options();
  options.mtu.reset();
  const TunDevice device(options);
  CHECK(device.host_address() == host_address);
  CHECK(Interface("bs0").up());
}

TEST_CASE("TUN: an existing device that differs from what is asked for is left alone", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  make_persistent("bs0");
  CHECK_THROWS_WITH(TunDevice(plain_options()), "attach to bs0: File exists: it has an MTU of 1500");
  Interface("bs0").set_address({Ipv4Address::of(10, 7, 0, 1), 16});
  CHECK_THROWS_WITH(TunDevice(plain_options()), "attach to bs0: File exists: it has the address 10.7.0.1/16");
  CHECK(addresses_here().contains("bs0 10.7.0.1/16"));
  CHECK(Interface("bs0").mtu() == 1500);
}

TEST_CASE("TUN: what the kernel refuses is named, with the cure, and nothing is left behind", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  const auto with = [](auto change) {
    TunOptions options = plain_options();
    change(options);
    return options;
  };
  {
    const TunDevice device(plain_options());
    CHECK_THROWS_WITH(TunDevice(plain_options()),
                      "TUNSETIFF bs0: Device or resource busy: another process is attached");
  }
  CHECK_THROWS_WITH(TunDevice(with([](TunOptions& options) { options.name = "lo"; })),
                    "TUNSETIFF lo: Invalid argument: there is a device of that name that is not a TUN device with one "
                    "queue");
  CHECK_THROWS_WITH(TunDevice(with([](TunOptions& options) { options.name = ""; })),
                    "interface '': Invalid argument: give it a name");
  CHECK_THROWS_WITH(TunDevice(with([](TunOptions& options) { options.name = "sixteen-letters-"; })),
                    "interface 'sixteen-letters-': File name too long: 15 characters at most");
  CHECK_THROWS_WITH(TunDevice(with([](TunOptions& options) { options.mtu = 67; })), "SIOCSIFMTU bs0: Invalid argument");
  CHECK_THROWS_WITH(TunDevice(with([](TunOptions& options) { options.host_address->address = {0xe000'0001}; })),
                    "SIOCSIFADDR bs0: Invalid argument");
  CHECK_THROWS_WITH(TunDevice(with([](TunOptions& options) { options.network_namespace = "no-such-space"; })),
                    "open /run/netns/no-such-space: No such file or directory: make it with: ip netns add "
                    "no-such-space");
  CHECK(interfaces_here() == std::set<std::string>{"lo"});
}

/// An ICMP echo request that the kernel answers, with its text in pieces.
struct EchoRequest {
  explicit EchoRequest(std::size_t pieces) : headers(28), text(pieces, std::byte{0x5a}) {
    for (const std::byte& octet : text) views.emplace_back(&octet, 1);
    wire::emit_ipv4(
        {.source = Ipv4Address::of(10, 90, 0, 2), .destination = host_address.address, .protocol = wire::protocol_icmp},
        8 + pieces, headers);
    wire::store8(headers, 20, 8);
    wire::Checksum checksum;
    checksum.add(Bytes{headers}.subspan(20));
    for (Bytes view : views) checksum.add(view);
    wire::store16(headers, 22, checksum.finish());
  }
  [[nodiscard]] OutboundPacket view() const { return {.headers = headers, .text = views, .offload = {}}; }

  std::vector<std::byte> headers;
  std::vector<std::byte> text;
  std::vector<Bytes> views;
};

TEST_CASE("TUN: text in many pieces goes out as one packet", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  for (const OffloadMode mode : {OffloadMode::off, OffloadMode::automatic}) {
    TunOptions options = plain_options();
    options.offload = mode;
    TunDevice device(options);
    for (const std::size_t pieces : {0u, 1u, 1021u, 1022u, 1023u, 1024u, 1300u}) {
      device.send(EchoRequest(pieces).view());
      const auto reply = receive_ipv4(device);
      REQUIRE(reply);
      CHECK(reply->bytes.size() == 28 + pieces);
      CHECK(std::ranges::count(reply->bytes.subspan(28), std::byte{0x5a}) == static_cast<std::ptrdiff_t>(pieces));
    }
    CHECK(device.counters().sent == 7);
    CHECK(device.counters().received >= 7);
  }
}

TEST_CASE("TUN: packets that the kernel does not take are counted, by why", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  make_persistent("bs0");  // and its link is down
  TunDevice device({.name = "bs0", .network_namespace = {}, .host_address = {}, .mtu = {}});
  device.send(EchoRequest(1).view());
  CHECK(device.counters().dropped_link_down == 1);
  Interface("bs0").set_up();
  const std::vector<std::byte> neither_4_nor_6(40, std::byte{0x50});
  device.send({.headers = neither_4_nor_6, .text = {}, .offload = {}});
  CHECK(device.counters().dropped_refused == 1);
  device.send(EchoRequest(1).view());
  CHECK(device.counters().sent == 1);
}

/// Why the kernel cannot receive what `device` sends in a thread; empty when it can.
std::string no_receive_thread_reason(const TunDevice& device) {
  ReceiveThread thread(device.name());
  thread.use(true);
  return thread.in_use() ? "" : "this kernel has no threads that receive for a device, or lets nobody ask for one";
}

bool receives_in_thread(const std::string& name) { return ReceiveThread(name).in_use(); }

void send_many(TunDevice& device, std::size_t size) {
  for (int i = 0; i < 1000; ++i) device.send(EchoRequest(size).view());
}

TEST_CASE("TUN: while a stream is sent in single packets, the kernel receives it in a thread", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  TunDevice device(plain_options());
  if (const auto reason = no_receive_thread_reason(device); !reason.empty()) BACKSTOP_SKIP(reason);
  CHECK_FALSE(receives_in_thread("bs0"));
  send_many(device, 1);
  CHECK_FALSE(receives_in_thread("bs0"));
  send_many(device, 1000);
  CHECK(receives_in_thread("bs0"));
  send_many(device, 1);
  CHECK_FALSE(receives_in_thread("bs0"));
}

TEST_CASE("TUN: a device left in place has no thread that it did not have before", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  make_persistent("bs0");
  TunOptions options = plain_options();
  options.mtu = {};
  std::optional<TunDevice> device(std::in_place, options);
  if (const auto reason = no_receive_thread_reason(*device); !reason.empty()) BACKSTOP_SKIP(reason);
  send_many(*device, 1000);
  CHECK(receives_in_thread("bs0"));
  ReceiveThread("bs0").use(false);  // what somebody else has chosen stays
  CHECK(receives_in_thread("bs0"));
  device.reset();
  CHECK_FALSE(receives_in_thread("bs0"));
}

TEST_CASE("TUN: offload is what the kernel has, and partial checksums come with it", "[tun][offload]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  TunOptions options = plain_options();
  options.offload = OffloadMode::automatic;
  TunDevice device(options);
  if (!device.offload().checksum) BACKSTOP_SKIP("this kernel's TUN has no virtio_net_hdr");
  CHECK(device.offload().segmentation == 65'455);
  send_datagram(Ipv4Address::of(10, 90, 0, 2), 100);
  const auto packet = receive_ipv4(device);
  REQUIRE(packet);
  CHECK(packet->bytes.size() == 128);
  CHECK(packet->offload.checksum_partial);
  CHECK(device.counters().dropped_inbound == 0);
}

TEST_CASE("TUN: a device left in place asks for no offload of whoever comes next", "[tun][offload]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  make_persistent("bs0");
  {
    const TunDevice device({.name = "bs0", .network_namespace = {}, .host_address = host_address, .mtu = {}});
  }

  // A reader that knows nothing of offload, and resets nothing.
  const FileDescriptor fd(checked(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "open /dev/net/tun"));
  ifreq request{};
  std::ranges::copy(std::string_view("bs0"), request.ifr_name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  checked(::ioctl(fd.get(), TUNSETIFF, &request), "TUNSETIFF");
  send_datagram(Ipv4Address::of(10, 90, 0, 2), 100);
  std::array<std::byte, 2000> buffer;
  Bytes packet;
  do {
    const auto size = checked(static_cast<int>(::read(fd.get(), buffer.data(), buffer.size())), "read");
    packet = Bytes{buffer}.first(static_cast<std::size_t>(size));
  } while (wire::load8(packet, 0) >> 4 != 4);
  wire::Checksum checksum =
      wire::pseudo_header(host_address.address, Ipv4Address::of(10, 90, 0, 2), wire::protocol_udp, 108);
  checksum.add(packet.subspan(20));
  CHECK(checksum.finish() == 0);
}

/// A datagram's answer: the same with both ends changed over, which leaves its sums right.
std::vector<std::byte> answer_to(Bytes packet) {
  std::vector<std::byte> answer(packet.begin(), packet.end());
  std::swap_ranges(&answer[12], &answer[16], &answer[16]);
  std::swap_ranges(&answer[20], &answer[22], &answer[22]);
  return answer;
}

TEST_CASE("TUN: the kernel spreads flows over queues, and keeps each where it was answered", "[tun][queues]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  TunOptions options = plain_options();
  options.several_queues = true;
  TunDevice first(options);
  const auto second = first.further_queue();
  CHECK(second->name() == first.name());
  CHECK(second->mtu() == first.mtu());
  CHECK(second->offload() == first.offload());

  // Odds are 2^-63 that all meet on one.
  constexpr int flows = 64;
  for (int i = 0; i < flows; ++i) send_datagram(Ipv4Address::of(10, 90, 0, 2), 100);
  std::vector<std::byte> on_first;
  int there = 0;
  for (auto packet = receive_ipv4(first); packet; packet = receive_ipv4(first), ++there) {
    on_first.assign(packet->bytes.begin(), packet->bytes.end());
  }
  int here = 0;
  while (receive_ipv4(*second)) ++here;
  CHECK(there > 0);
  CHECK(here > 0);
  CHECK(here + there == flows);

  // Answered on the second queue, that is where it comes from now on.
  const FileDescriptor socket(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_port = htons(wire::load16(on_first, 20));
  checked(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&from), sizeof(from)), "bind");
  const auto answer = answer_to(on_first);
  second->send({.headers = answer, .text = {}, .offload = {}});
  sockaddr_in to = from;
  to.sin_port = htons(9);
  to.sin_addr.s_addr = htonl(Ipv4Address::of(10, 90, 0, 2).value);
  const std::vector<char> text(100, 'x');
  ::sendto(socket.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  const auto packet = receive_ipv4(*second);
  REQUIRE(packet);
  CHECK(std::ranges::equal(packet->bytes.subspan(20, 4), Bytes{on_first}.subspan(20, 4)));
  CHECK_FALSE(receive_ipv4(first));
}

TEST_CASE("TUN: a device that is deleted under us is an error that says so", "[tun]") {
  if (const auto reason = test::no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  TunDevice device(plain_options());
  delete_link("bs0");
  CHECK_THROWS_WITH(device.receive(), "read bs0: File descriptor in bad state: somebody deleted the device");
  CHECK_THROWS_WITH(device.send(EchoRequest(1).view()),
                    "write bs0: File descriptor in bad state: somebody deleted the device");
}

}  // namespace
}  // namespace backstop::tun
