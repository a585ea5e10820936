// nmap over all 65,535 ports: it finds what is open and nothing else, costs no memory, and delays nobody.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <thread>

#include "tests/serve/served_command.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/kernel_client.hpp"

namespace backstop::test {
namespace {

std::string no_nmap_reason() {
  if (auto reason = no_kernel_tests_reason(); !reason.empty()) return reason;
  return find_program("nmap").empty() ? "needs nmap" : "";
}

std::vector<std::string> nmap(const std::string& kind, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command{"nmap", kind, "-n", "-Pn", "-T5", "-p1-65535", "-oG", "-"};
  command.insert(command.end(), more.begin(), more.end());
  command.emplace_back("10.90.0.2");
  return command;
}

/// The ports that nmap's greppable output calls open.
std::set<int> open_ports(const std::string& out) {
  std::set<int> ports;
  const std::regex open("([0-9]+)/open/tcp");
  for (auto at = std::sregex_iterator(out.begin(), out.end(), open); at != std::sregex_iterator(); ++at) {
    ports.insert(std::stoi((*at)[1]));
  }
  return ports;
}

/// Kilobytes of the process that are in memory.
long resident(const Process& process) {
  std::ifstream status("/proc/" + std::to_string(process.pid()) + "/status");
  for (std::string word; status >> word;) {
    long kilobytes = 0;
    if (word == "VmRSS:" && status >> kilobytes) return kilobytes;
  }
  return -1;
}

/// Packets that the kernel has given to the device so far.
std::uint64_t packets_sent() {
  std::ifstream table("/proc/thread-self/net/dev");
  for (std::string word; table >> word;) {
    if (word != "bs0:") continue;
    std::uint64_t number = 0;
    for (int column = 0; column < 10; ++column) table >> number;  // eight of what came, octets sent, packets sent
    return number;
  }
  return 0;
}

/// Something for a proxy to dial, on the loopback.
tun::FileDescriptor listening_socket(std::uint16_t port) {
  tun::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(::listen(socket.get(), 64) == 0);
  return socket;
}

/// SYNs that the kernel had to send again for this connection.
int repeated_syns(const Connection& connection) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  REQUIRE(::getsockopt(connection.socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
  return static_cast<int>(info.tcpi_total_retrans);
}

TEST_CASE("nmap: exactly the ports that are open show open, memory stays, and others are served meanwhile",
          "[serve][nmap]") {
  if (const auto reason = no_nmap_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  const auto upstream = listening_socket(8443);
  Process serve(serve_command(space, {"--listen", "80=http", "--fallback", "443=proxy:127.0.0.1:8443", "--fallback",
                                      "8000-8009=echo", "--fallback", "*=reject"}));
  REQUIRE(serve.wait_for_out("ready"));
  const std::set<int> open{80, 443, 8000, 8001, 8002, 8003, 8004, 8005, 8006, 8007, 8008, 8009};
  constexpr long tolerance = 2048;  // kilobytes: pages of tables that are touched for the first time
  const long fresh = resident(serve);

  const auto half_open = run(nmap("-sS"));
  CHECK(half_open.exit_code == 0);
  CHECK(open_ports(half_open.out) == open);
  CHECK(half_open.out.find("Ignored State: closed (65523)") != std::string::npos);

  const std::uint64_t before = packets_sent();
  Process whole(nmap("-sT"));
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (packets_sent() < before + 1000 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  for (std::uint16_t port = 8000; port < 8010; ++port) {
    const Connection connection = connect_to({served_address, port});
    CHECK(connection.error == 0);
    CHECK(repeated_syns(connection) == 0);
  }
  CHECK(packets_sent() < before + 65'535);  // the scan goes on
  CHECK(whole.wait() == 0);
  CHECK(open_ports(whole.out()) == open);
  CHECK(whole.out().find("Ignored State: closed (65523)") != std::string::npos);

  CHECK(resident(serve) - fresh < tolerance);
  serve.send_signal(SIGTERM);
  CHECK(serve.wait() == 0);
}

TEST_CASE("nmap: ports that are dropped are filtered, all of them", "[serve][nmap]") {
  if (const auto reason = no_nmap_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--fallback", "*=drop"});
  const auto scan = run(nmap("-sS", {"--max-retries", "0", "--min-rate", "10000", "--host-timeout", "50s"}));
  CHECK(scan.exit_code == 0);
  CHECK(scan.out.find("Ignored State: filtered (65535)") != std::string::npos);
  CHECK(serve.end() == 0);
  int replies = 0;
  for (const auto& [port, counts] : serve.seen()) replies += counts.replies;
  CHECK(replies == 0);
}

}  // namespace
}  // namespace backstop::test
