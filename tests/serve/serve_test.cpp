// `backstop serve` does what it says, as the kernel's clients see it and as the capture shows it.
#include <algorithm>
#include <cstring>

#include "tests/serve/served_command.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/kernel_client.hpp"
#include "tests/support/packets.hpp"
#include "tools/serve/handlers.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;
using Ports = std::initializer_list<std::uint16_t>;

std::string page_of(std::uint16_t port) {
  const auto curl =
      run({"curl", "--silent", "--show-error", "--max-time", "20", "http://10.90.0.2:" + std::to_string(port) + "/"});
  CHECK(curl.err.empty());
  return curl.out;
}

bool is_chargen(std::uint64_t offset, Bytes octets) {
  std::vector<std::byte> expected(octets.size());
  tools::fill_with_chargen(offset, expected);
  return std::ranges::equal(octets, expected);
}

/// Says something to a port that echoes, and hears it.
bool echoes(std::uint16_t port) {
  const Connection connection = connect_to({served_address, port});
  if (connection.error != 0) return false;
  const Transferred done = transfer(connection.socket, {.send = 1000, .is_right = is_text, .receive = {}});
  return done.right && done.ended && done.received == 1000;
}

TEST_CASE("serve: curl gets the page of a listener, about its own connection", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  if (find_program("curl").empty()) BACKSTOP_SKIP("needs curl");
  ServedCommand serve({"--listen", "80=http"});
  CHECK(serve.process().out() == "ready 10.90.0.2 on bs0, mtu 1500\n");
  const std::string page = page_of(80);
  CHECK(page.find("10.90.0.1:") != std::string::npos);
  CHECK(page.find("ESTABLISHED") != std::string::npos);
  CHECK(serve.end() == 0);
}

TEST_CASE("serve: echo, discard and chargen serve a kernel client, byte for byte", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--listen", "7=echo", "--listen", "9=discard", "--fallback", "19=chargen"});
  constexpr std::uint64_t size = 1'000'000;
  {
    const Connection echo = connect_to({served_address, 7});
    REQUIRE(echo.error == 0);
    const Transferred done = transfer(echo.socket, {.send = size, .is_right = is_text, .receive = {}});
    CHECK(done.right);
    CHECK(done.ended);
    CHECK(done.received == size);
  }
  {
    const Connection discard = connect_to({served_address, 9});
    REQUIRE(discard.error == 0);
    const Transferred done = transfer(discard.socket, {.send = size, .is_right = {}, .receive = {}});
    CHECK(done.ended);
    CHECK(done.received == 0);
  }
  {
    const Connection chargen = connect_to({served_address, 19});
    REQUIRE(chargen.error == 0);
    const Transferred done = transfer(chargen.socket, {.send = 0, .is_right = is_chargen, .receive = size});
    CHECK(done.right);
    CHECK(done.received == size);
  }
  CHECK(serve.end() == 0);
}

TEST_CASE("serve: an unclaimed port is caught on the first SYN, on every port anew", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--fallback", "8000-8019=echo"});
  for (std::uint16_t port = 8000; port < 8020; ++port) {
    INFO(port);
    CHECK(echoes(port));
  }
  CHECK(serve.end() == 0);
  for (std::uint16_t port = 8000; port < 8020; ++port) {
    INFO(port);
    CHECK(serve.seen(port).syns == 1);
    CHECK(serve.seen(port).syn_acks == 1);
    CHECK(serve.seen(port).resets == 0);
  }
}

TEST_CASE("serve: rejected and unclaimed ports refuse, and no SYN,ACK is seen", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--fallback", "22=reject", "--fallback", "23=decline"});
  for (const std::uint16_t port : Ports{22, 23, 24}) CHECK(connect_to({served_address, port}).error == ECONNREFUSED);
  CHECK(serve.end() == 0);
  for (const std::uint16_t port : Ports{22, 23, 24}) {
    INFO(port);
    CHECK(serve.seen(port).syns == 1);
    CHECK(serve.seen(port).syn_acks == 0);
    CHECK(serve.seen(port).resets == 1);
  }
}

TEST_CASE("serve: without any rule every port refuses", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({});
  for (const std::uint16_t port : Ports{1, 80, 65'535}) CHECK(connect_to({served_address, port}).error == ECONNREFUSED);
  CHECK(serve.end() == 0);
}

TEST_CASE("serve: a dropped SYN gets no answer of any kind", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--fallback", "81=drop", "--fallback", "7=echo"});
  const Connection dropped = connect_to({served_address, 81}, 0s);
  CHECK(dropped.error == ETIMEDOUT);
  // What came after it has been answered to the end, so it has been looked at.
  CHECK(echoes(7));
  CHECK(serve.end() == 0);
  CHECK(serve.seen(81).syns >= 1);
  CHECK(serve.seen(81).replies == 0);
}

TEST_CASE("serve: an explicit listener comes before a rule for all ports", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--listen", "7=echo", "--fallback", "*=reject"});
  CHECK(echoes(7));
  CHECK(connect_to({served_address, 8}).error == ECONNREFUSED);
  CHECK(serve.end() == 0);
  CHECK(serve.process().out().find("  7=echo          1\n") != std::string::npos);
}

TEST_CASE("serve: rules are asked in the order given, and a decline goes on to the next", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--fallback", "7=decline", "--fallback", "1-9=echo", "--fallback", "*=reject"});
  CHECK(echoes(7));
  CHECK(echoes(9));
  CHECK(connect_to({served_address, 10}).error == ECONNREFUSED);
  CHECK(serve.end() == 0);
}

TEST_CASE("serve: with any-ip every address that is routed to the device is answered for", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--any-ip", "--fallback", "7=echo"});
  const Connection connection = connect_to({Ipv4Address::of(10, 90, 0, 77), 7});
  REQUIRE(connection.error == 0);
  const Transferred done = transfer(connection.socket, {.send = 1000, .is_right = is_text, .receive = {}});
  CHECK(done.received == 1000);
  CHECK(connect_to({Ipv4Address::of(10, 90, 0, 78), 8}).error == ECONNREFUSED);
  CHECK(serve.end() == 0);
}

TEST_CASE("serve: over a bad link every octet still arrives", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--listen", "7=echo", "--impair", "loss=5%,duplicate=1%,reorder=2%,seed=7"});
  const Connection echo = connect_to({served_address, 7}, 40s);
  REQUIRE(echo.error == 0);
  const Transferred done = transfer(echo.socket, {.send = 200'000, .is_right = is_text, .receive = {}});
  CHECK(done.right);
  CHECK(done.ended);
  CHECK(done.received == 200'000);
  CHECK(serve.end() == 0);
  CHECK(serve.process().out().find("injected faults") != std::string::npos);
}

}  // namespace
}  // namespace backstop::test
