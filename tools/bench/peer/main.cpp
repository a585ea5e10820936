// backstop_bench_peer: the kernel's side of `./dev bench`, as a program that against_kernel.sh starts in the network
// namespaces it has made. Read next: clients.hpp, kernel_server.hpp.
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "tools/bench/peer/clients.hpp"
#include "tools/bench/peer/device_limits.hpp"
#include "tools/bench/peer/kernel_server.hpp"

namespace {

using namespace backstop::tools::bench;

constexpr const char* usage = R"(usage: backstop_bench_peer serve
       backstop_bench_peer send|receive HOST MILLISECONDS SERVER-PID
       backstop_bench_peer round-trips HOST MILLISECONDS
       backstop_bench_peer connections HOST MILLISECONDS AT-A-TIME
       backstop_bench_peer connect-time HOST PORT COUNT
       backstop_bench_peer hold-idle HOST COUNT FROM-ADDRESS
       backstop_bench_peer device-limits MTU MILLISECONDS
A client prints a number, and the server's processor seconds for each GB. The limits of a device are two such lines:
for reading, and for writing.
)";

Measured run_client(const std::vector<std::string>& words) {
  const auto number = [&](std::size_t at) { return at < words.size() ? std::stoi(words[at]) : 0; };
  const std::string& host = words.at(1);
  const Time time{number(2)};
  if (words[0] == "send") return send(host, time, number(3));
  if (words[0] == "receive") return receive(host, time, number(3));
  if (words[0] == "round-trips") return round_trips(host, time);
  if (words[0] == "connections") return connections(host, time, number(3));
  if (words[0] == "connect-time") return connect_time({host, static_cast<std::uint16_t>(number(2))}, number(3));
  throw std::invalid_argument("no client '" + words[0] + "'");
}

void print(const Measured& measured) { std::cout << measured.value << ' ' << measured.processor << '\n'; }

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words == std::vector<std::string>{"serve"}) serve_with_the_kernel();
    if (words.size() < 3 || (words[0] == "hold-idle" && words.size() < 4)) {
      std::cerr << usage;
      return 2;
    }
    if (words[0] == "hold-idle") {
      hold_idle(words[1], std::stoi(words[2]), words[3]);
    } else if (words[0] == "device-limits") {
      const auto mtu = static_cast<std::uint16_t>(std::stoi(words[1]));
      const DeviceLimits limits = device_limits(mtu, Time{std::stoi(words[2])});
      print(limits.read);
      print(limits.write);
    } else {
      print(run_client(words));
    }
  } catch (const std::exception& error) {
    std::cerr << "backstop_bench_peer: " << error.what() << '\n';
    return 1;
  }
}
