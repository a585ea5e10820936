// `backstop serve` with several queues: flows on all of them, one table, one journal, and one end.
#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "stack/wire/icmp.hpp"
#include "tests/serve/served_command.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/kernel_client.hpp"
#include "tests/support/packets.hpp"
#include "tun/interface.hpp"

namespace backstop::test {
namespace {

using Json = nlohmann::json;

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// Odds are 2^-63 that so many flows meet on one of two queues.
constexpr int each = 32;

std::vector<Connection> talk_on_many() {
  std::vector<Connection> connections;
  for (int i = 0; i < each; ++i) {
    connections.push_back(talk(7));
    connections.push_back(talk(8));
  }
  return connections;
}

Json status_of(const std::string& socket) {
  const auto answer = run({backstop_program(), "ss", "--socket", socket, "--json"});
  REQUIRE(answer.exit_code == 0);
  return Json::parse(answer.out);
}

std::set<int> queues_of(const Json& connections) {
  std::set<int> queues;
  for (const Json& connection : connections) queues.insert(connection["queue"].get<int>());
  return queues;
}

TEST_CASE("serve: queues share the flows, and one table and one journal show all of them", "[serve][queues][threads]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const TemporaryFolder folder;
  const std::string socket = folder.file("status.sock");
  ServedCommand serve({"--queues", "2", "--status-socket", socket, "--json", "--listen", "7=echo", "--fallback",
                       "8=echo", "--fallback", "*=reject"});
  const auto connections = talk_on_many();
  CHECK(connect_to({served_address, 9}).error == ECONNREFUSED);

  const Json status = status_of(socket);
  CHECK(status["connections"].size() == 2 * each);
  CHECK(queues_of(status["connections"]) == std::set{0, 1});
  CHECK(status["served"] == each);
  CHECK(status["listeners"][0]["accepted"] == each);
  CHECK(status["ports"].size() == 2);
  CHECK(has(run({backstop_program(), "ss", "--socket", socket}).out, "  Rule    Queue\n"));

  for (const Connection& connection : connections) {
    CHECK(transfer(connection.socket, {.send = 0, .is_right = {}, .receive = {}}).ended);
  }
  CHECK(serve.end() == 0);
  CHECK(serve.process().err().empty());
  CHECK(serve.seen(7).syns == each);
  CHECK(serve.seen(7).resets == 0);

  std::istringstream lines(serve.process().out());
  std::string line;
  std::getline(lines, line);
  CHECK(line == "ready 10.90.0.2 on bs0, mtu 1500, 2 queues");
  std::map<std::string, std::set<int>> queues;  // of each flow
  Json event;
  while (std::getline(lines, line)) {
    event = Json::parse(line);
    if (!event.contains("queue")) continue;
    const auto flow = event["source"].get<std::string>() + " to " + event["destination"].get<std::string>();
    queues[flow].insert(event["queue"].get<int>());
  }
  CHECK(queues.size() == 2 * each + 1);
  for (const auto& [flow, its] : queues) CHECK(its.size() == 1);
  CHECK(event["event"] == "summary");
  CHECK(event["listeners"][0]["accepted"] == each);
  CHECK(event["rules"][0]["accepted"] == each);
  CHECK(event["rules"][1]["rejected"] == 1);
  CHECK(event["stack"]["connections_established"] == 2 * each);
  CHECK(event["stack"]["resets_sent"] == 1);
}

/// IPPROTO_RAW: `octets` are a whole packet.
void send_raw(int protocol, Bytes octets) {
  const tun::FileDescriptor socket(
      tun::checked(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, protocol), "socket SOCK_RAW"));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(served_address.value);
  const auto sent =
      ::sendto(socket.get(), octets.data(), octets.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  REQUIRE(sent == static_cast<ssize_t>(octets.size()));
}

/// ICMP "port unreachable" to the stack, about a segment that it never sent.
void send_icmp_error() {
  constexpr Ipv4Address client = Ipv4Address::of(10, 90, 0, 1);
  const wire::Segment segment{.source_port = 7, .destination_port = 4000, .seq = SeqNum{1}};
  const auto quoted = tcp_packet({.source = served_address, .destination = client}, segment);
  std::vector<std::byte> message(wire::icmp_header_size + 28);
  std::ranges::copy(Bytes{quoted}.first(28), message.begin() + wire::icmp_header_size);
  wire::emit_icmp_header({.type = wire::IcmpType::destination_unreachable,
                          .code = static_cast<std::uint8_t>(wire::UnreachableCode::port),
                          .rest = 0,
                          .payload = Bytes{message}.subspan(wire::icmp_header_size)},
                         message);
  send_raw(IPPROTO_ICMP, message);
}

/// A segment of the connection, as two fragments. It is far from what is expected, and draws an ACK at most.
void send_in_fragments(const Connection& connection) {
  sockaddr_in client{};
  socklen_t size = sizeof client;
  REQUIRE(::getsockname(connection.socket.get(), reinterpret_cast<sockaddr*>(&client), &size) == 0);
  const auto octets = text(0, 600);
  const wire::Segment segment{.source_port = ntohs(client.sin_port),
                              .destination_port = 7,
                              .seq = SeqNum{1},
                              .ack = SeqNum{1},
                              .flags = wire::Flag::ack,
                              .text = octets};
  const wire::Ipv4Header ip{
      .source = {ntohl(client.sin_addr.s_addr)}, .destination = served_address, .id = segment.source_port};
  for (const Packet& fragment : fragments(tcp_packet(ip, segment), 400)) send_raw(IPPROTO_RAW, fragment);
}

TEST_CASE("serve: what ICMP says of a flow is told to all queues", "[serve][queues][threads]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--queues", "3", "--json", "--listen", "7=echo", "--fallback", "8=echo"});
  send_icmp_error();
  const auto connections = talk_on_many();  // On all queues: each has turned since.
  CHECK(serve.end() == 0);
  const std::string& out = serve.process().out();
  const Json summary = Json::parse(out.substr(out.rfind('\n', out.size() - 2) + 1));
  CHECK(summary["drops"]["icmp_ignored"] == 3);
}

// Their ports are in the first fragment only, so the kernel has all fragments from one address on one queue.
TEST_CASE("serve: a segment in fragments finds its connection on whichever queue that is", "[serve][queues][threads]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--queues", "2", "--json", "--listen", "7=echo", "--fallback", "8=echo"});
  std::vector<Connection> connections;
  for (int i = 0; i < each; ++i) connections.push_back(talk(7));
  for (const Connection& connection : connections) send_in_fragments(connection);
  for (const Connection& connection : connections) {
    CHECK(transfer(connection.socket, {.send = 100, .is_right = is_text, .receive = {}}).ended);
  }
  CHECK(serve.end() == 0);
  CHECK(serve.seen(7).resets == 0);
  const std::string& out = serve.process().out();
  const Json summary = Json::parse(out.substr(out.rfind('\n', out.size() - 2) + 1));
  CHECK(summary["drops"]["fragments_of_nobody"] == each);
}

TEST_CASE("serve: when the device goes, all queues end, and it is said once", "[serve][queues][threads]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--queues", "3", "--listen", "7=echo", "--fallback", "8=echo"});
  const auto connections = talk_on_many();
  REQUIRE(run({"ip", "link", "delete", "bs0"}).exit_code == 0);
  CHECK(serve.process().wait() == 1);
  CHECK(has(serve.process().err(), "somebody deleted the device"));
  CHECK(std::ranges::count(serve.process().err(), '\n') == 1);
}

TEST_CASE("serve: queues need a device that has several, and it stays", "[serve][queues]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const InNamespace inside(space);
  const auto make_device = [](const std::vector<std::string>& words) {
    std::vector<std::string> command{"ip", "tuntap", "add", "mode", "tun", "name", "bs0"};
    command.insert(command.end(), words.begin(), words.end());
    REQUIRE(run(command).exit_code == 0);
  };
  const std::vector<std::string> arguments{"--queues", "2", "--listen", "7=echo", "--fallback", "8=echo"};
  SECTION("one that has not") {
    make_device({});
    const Finished serve = run(serve_command(space, arguments));
    CHECK(serve.exit_code == 2);
    CHECK(serve.err ==
          "backstop serve: TUNSETIFF bs0: Invalid argument: there is a device of that name that is not a TUN device "
          "with several queues\n");
  }
  SECTION("one that has") {
    make_device({"multi_queue"});
    Process serve(serve_command(space, arguments));
    REQUIRE(serve.wait_for_out("ready"));
    const auto connections = talk_on_many();
    serve.send_signal(SIGTERM);
    CHECK(serve.wait() == 0);
  }
  CHECK(tun::Interface("bs0").exists());
}

}  // namespace
}  // namespace backstop::test
