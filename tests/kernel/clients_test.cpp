// What the kernel's clients see of a stack besides text: ping, refusals, and many connections at once.
#include <arpa/inet.h>
#include <sys/resource.h>

#include <algorithm>

#include "tests/kernel/served.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/kernel_client.hpp"
#include "tests/support/packets.hpp"
#include "tools/serve/handlers.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

std::vector<ServedOptions> offload_modes() {
  return {{.offload = tun::OffloadMode::off, .faults = {}}, {.offload = tun::OffloadMode::automatic, .faults = {}}};
}

TEST_CASE("Kernel client: ping is answered", "[kernel][RFC792]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  for (const ServedOptions& options : offload_modes()) {
    Served served(options);
    served.start();
    for (const std::size_t size : {0u, 56u, 1472u}) {
      INFO(size);
      CHECK(ping(stack_address, size));
    }
    served.stop();
    CHECK(served.stack().statistics().echo_replies == 3);
  }
}

TEST_CASE("Kernel client: a UDP port that nobody has is unreachable", "[kernel][RFC1122]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  for (const ServedOptions& options : offload_modes()) {
    Served served(options);
    served.start();
    CHECK(udp_error({stack_address, 53}) == ECONNREFUSED);
    served.stop();
    CHECK(served.stack().statistics().unreachables_sent == 1);
  }
}

TEST_CASE("Kernel client: a port without a listener refuses", "[kernel][3.10.7.1]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  for (const ServedOptions& options : offload_modes()) {
    Served served(options);
    served.listen(7, tools::echo);
    served.start();
    for (const std::uint16_t port : std::initializer_list<std::uint16_t>{1, 8, 80, 65535})
      CHECK(connect_to({stack_address, port}).error == ECONNREFUSED);
    // The kernel calls it connected before the stack has its ACK; text that came back says that both do.
    const Connection open = connect_to({stack_address, 7});
    CHECK(open.error == 0);
    CHECK(transfer(open.socket, {.send = 1, .is_right = {}, .receive = {}}).ended);
    served.stop();
    CHECK(served.stack().statistics().connections_established == 1);
    CHECK(served.stack().statistics().resets_sent == 4);
  }
}

TEST_CASE("Kernel client: a thousand connections at once, each with its own text", "[kernel]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  constexpr std::size_t count = 1000;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max < count + 100) BACKSTOP_SKIP("needs a thousand descriptors");
  files.rlim_cur = std::max<rlim_t>(files.rlim_cur, count + 100);
  ::setrlimit(RLIMIT_NOFILE, &files);

  Served served;
  served.listen(7, tools::echo);
  served.start();
  std::vector<Connection> connections;
  for (std::size_t i = 0; i < count; ++i) {
    connections.push_back(connect_to({stack_address, 7}));
    REQUIRE(connections.back().error == 0);
  }
  // All are open; each says something before any has its answer read.
  for (std::size_t i = 0; i < count; ++i) {
    const auto words = text(i * 1000, 100);
    REQUIRE(::send(connections[i].socket.get(), words.data(), words.size(), 0) == 100);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto is_own = [i](std::uint64_t offset, Bytes octets) { return is_text(i * 1000 + offset, octets); };
    const Transferred done =
        transfer(connections[i].socket, {.send = 0, .is_right = is_own, .receive = 100, .limit = 30s});
    REQUIRE(done.right);
    REQUIRE(done.received == 100);
  }
  // And all of them end well.
  for (const Connection& connection : connections) {
    const Transferred done = transfer(connection.socket, {.send = 0, .is_right = {}, .receive = {}, .limit = 30s});
    REQUIRE(done.ended);
    REQUIRE(done.received == 0);
  }
  served.stop();
  CHECK(served.stack().statistics().connections_established == count);
  CHECK(served.stack().statistics().resets_sent == 0);
}

}  // namespace
}  // namespace backstop::test
