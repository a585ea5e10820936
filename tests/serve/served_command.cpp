#include "tests/serve/served_command.hpp"

#include <sys/socket.h>

#include <filesystem>

#include "stack/wire/icmp.hpp"
#include "stack/wire/segment.hpp"
#include "tests/support/catch.hpp"
#include "tools/capture/packet_reader.hpp"

namespace backstop::test {
namespace {

constexpr Ipv4Address host_address = Ipv4Address::of(10, 90, 0, 1);

using Counts = std::map<std::uint16_t, SegmentCounts>;

void count_segment(Counts& counts, const wire::Ipv4Datagram& datagram, bool from_stack) {
  // A long segment's checksum was the device's to fill in, and the capture's copy has it.
  const auto segment = wire::parse_segment(datagram);
  if (!segment) throw std::runtime_error("a bad segment in the capture: " + std::string(to_string(segment.error())));
  SegmentCounts& count = counts[from_stack ? segment->source_port : segment->destination_port];
  if (!from_stack && segment->syn() && !segment->has_ack()) ++count.syns;
  if (!from_stack) return;
  ++count.replies;
  if (segment->syn() && segment->has_ack()) ++count.syn_acks;
  if (segment->rst()) ++count.resets;
}

void count_unreachable(Counts& counts, const wire::Ipv4Datagram& datagram) {
  const auto message = wire::parse_icmp(datagram.payload);
  if (!message || message->type != wire::IcmpType::destination_unreachable) return;
  if (const auto quoted = wire::parse_quoted_segment(message->payload)) {
    SegmentCounts& count = counts[quoted->tuple.remote.port];
    ++count.unreachables;
    ++count.replies;
  }
}

}  // namespace

std::string backstop_program() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "backstop").string();
}

std::vector<std::string> serve_command(const NetworkNamespace& space, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{backstop_program(), "serve",        "--netns", space.name(), "--tun", "bs0",
                                   "--host-addr",      "10.90.0.1/24", "--addr",  "10.90.0.2"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

Counts read_capture(const std::string& path) {
  Counts counts;
  capture::PacketReader reader(path, capture::Filter(""));
  while (const auto packet = reader.next()) {
    const bool from_stack = packet->ip.header.source != host_address;
    if (packet->ip.header.protocol == wire::protocol_tcp) count_segment(counts, packet->ip, from_stack);
    if (packet->ip.header.protocol == wire::protocol_icmp && from_stack) count_unreachable(counts, packet->ip);
  }
  return counts;
}

Connection talk(std::uint16_t port) {
  Connection connection = connect_to({served_address, port});
  REQUIRE(connection.error == 0);
  REQUIRE(::send(connection.socket.get(), "hello", 5, 0) == 5);
  REQUIRE(transfer(connection.socket, {.send = 0, .is_right = {}, .receive = 5}).received == 5);
  return connection;
}

ServedCommand::ServedCommand(const std::vector<std::string>& arguments)
    : process_([&] {
        auto command = serve_command(space_, arguments);
        command.insert(command.end(), {"--pcap-out", file("capture.pcap")});
        return command;
      }()) {
  INFO("stderr: " << process_.err());
  REQUIRE(process_.wait_for_out("ready"));
}

int ServedCommand::end(int signal) {
  process_.send_signal(signal);
  const int exit_code = process_.wait();
  if (exit_code != 0) UNSCOPED_INFO("stderr: " << process_.err());
  return exit_code;
}

SegmentCounts ServedCommand::seen(std::uint16_t port) const {
  const auto counts = seen();
  const auto found = counts.find(port);
  return found == counts.end() ? SegmentCounts{} : found->second;
}

}  // namespace backstop::test
