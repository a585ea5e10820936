// What `backstop serve` prints and leaves, how it ends, and that a device which was there before it is there after it.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/serve/served_command.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/kernel_client.hpp"
#include "tests/support/packets.hpp"
#include "tun/interface.hpp"

namespace backstop::test {
namespace {

using Json = nlohmann::json;

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// The lines behind `ready`, each read as JSON: one that is not throws.
std::vector<Json> json_lines(const std::string& out) {
  std::istringstream lines(out);
  std::string line;
  std::getline(lines, line);
  CHECK(line.starts_with("ready "));
  std::vector<Json> parsed;
  while (std::getline(lines, line)) parsed.push_back(Json::parse(line));
  return parsed;
}

void echo_once(std::uint16_t port) {
  const Connection connection = connect_to({served_address, port});
  REQUIRE(connection.error == 0);
  const Transferred done = transfer(connection.socket, {.send = 10, .is_right = is_text, .receive = {}});
  REQUIRE(done.ended);
  REQUIRE(done.received == 10);
}

/// A device that stays without anybody, with an address, switched on.
void make_persistent_device() {
  const tun::FileDescriptor fd(tun::checked(::open("/dev/net/tun", O_RDWR | O_CLOEXEC), "open /dev/net/tun"));
  ifreq request{};
  std::ranges::copy(std::string_view("bs0"), request.ifr_name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  tun::checked(::ioctl(fd.get(), TUNSETIFF, &request), "TUNSETIFF");
  tun::checked(::ioctl(fd.get(), TUNSETPERSIST, 1), "TUNSETPERSIST");
  tun::Interface interface("bs0");
  interface.set_address({Ipv4Address::of(10, 90, 0, 1), 24});
  interface.set_mtu(1400);
  interface.set_up();
}

TEST_CASE("serve: SIGINT and SIGTERM close connections, print the table and exit with 0", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  for (const int signal : {SIGINT, SIGTERM}) {
    ServedCommand serve({"--listen", "7=echo", "--fallback", "*=reject"});
    const Connection open = connect_to({served_address, 7});
    REQUIRE(open.error == 0);
    CHECK(connect_to({served_address, 8}).error == ECONNREFUSED);
    serve.process().send_signal(signal);
    const Transferred rest = transfer(open.socket, {.send = 0, .is_right = {}, .receive = {}});
    CHECK(rest.ended);
    CHECK(rest.error == 0);
    CHECK(serve.process().wait() == 0);
    CHECK(serve.process().err().empty());
    const std::string& out = serve.process().out();
    CHECK(has(out, "listeners  accepted\n  7=echo          1\n"));
    CHECK(has(out, "fallback rules  asked  declined  accepted  cookie  rejected"));
    CHECK(has(out, "  *=reject          1         0         0       0         1"));
    CHECK_FALSE(tun::Interface("bs0").exists());
  }
}

TEST_CASE("serve: a second signal while connections close does no harm", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--listen", "7=echo"});
  const Connection open = connect_to({served_address, 7});
  serve.process().send_signal(SIGTERM);
  serve.process().send_signal(SIGINT);
  CHECK(serve.process().wait() == 0);
  CHECK(has(serve.process().out(), "listeners"));
}

TEST_CASE("serve: it ends by itself after its duration", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--listen", "7=echo", "--duration", "0.05"});
  CHECK(serve.process().wait() == 0);
  CHECK(has(serve.process().out(), "connections established  0"));
}

TEST_CASE("serve: with --json every line is an object, and the steps of a flow come in order", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--json", "--listen", "7=echo", "--fallback", "8=echo", "--fallback", "*=reject"});
  echo_once(7);
  echo_once(8);
  CHECK(connect_to({served_address, 9}).error == ECONNREFUSED);
  CHECK(serve.end() == 0);
  const auto events = json_lines(serve.process().out());
  const auto steps_of = [&events](const std::string& destination) {
    std::vector<std::string> steps;
    for (const Json& event : events) {
      if (event.value("destination", "") == destination) steps.push_back(event["event"]);
    }
    return steps;
  };
  using Steps = std::vector<std::string>;
  CHECK(steps_of("10.90.0.2:7") == Steps{"accepted", "closed"});
  CHECK(steps_of("10.90.0.2:8") == Steps{"seen", "consulted", "decided", "established", "closed"});
  CHECK(steps_of("10.90.0.2:9") == Steps{"seen", "consulted", "decided", "closed"});
  const Json& summary = events.back();
  CHECK(summary["event"] == "summary");
  CHECK(summary["listeners"][0]["accepted"] == 1);
  CHECK(summary["rules"][1]["rejected"] == 1);
  CHECK(summary["stack"]["connections_established"] == 2);
}

TEST_CASE("serve: a capture to stdout has it for itself, and all else is on stderr", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  const TemporaryFolder folder;
  Process serve(serve_command(space, {"--fallback", "*=echo", "--pcap-out", "-"}));
  REQUIRE(serve.wait_for_err("ready"));
  echo_once(8123);
  serve.send_signal(SIGTERM);
  CHECK(serve.wait() == 0);
  CHECK(has(serve.err(), "fallback rules"));
  const std::string path = folder.file("stdout.pcap");
  std::ofstream(path, std::ios::binary) << serve.out();
  CHECK(read_capture(path)[8123].syns == 1);
  CHECK(read_capture(path)[8123].syn_acks == 1);
}

TEST_CASE("serve: a device that is there is used as it is, and stays", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  make_persistent_device();
  Process serve({backstop_program(), "serve", "--netns", space.name(), "--tun", "bs0", "--addr", "10.90.0.2",
                 "--listen", "7=echo"});
  REQUIRE(serve.wait_for_out("ready 10.90.0.2 on bs0, mtu 1400\n"));
  echo_once(7);
  serve.send_signal(SIGTERM);
  CHECK(serve.wait() == 0);
  const tun::Interface interface("bs0");
  CHECK(interface.exists());
  CHECK(interface.address() == tun::InterfaceAddress{Ipv4Address::of(10, 90, 0, 1), 24});
}

}  // namespace
}  // namespace backstop::test
