// `backstop serve` as its users have it: the program that was built, in a network namespace of the test's own, with the
// kernel's sockets as clients, and the capture that it writes to look at afterwards.
// Read next: serve_test.cpp.
#pragma once

#include <csignal>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "stack/wire/address.hpp"
#include "tests/serve/process.hpp"
#include "tests/support/kernel_client.hpp"
#include "tests/support/netns.hpp"

namespace backstop::test {

inline constexpr Ipv4Address served_address = Ipv4Address::of(10, 90, 0, 2);

/// The `backstop` that was built with this test.
std::string backstop_program();

/// `backstop serve` in `space`, with the device and the addresses that all tests use, and what else is given.
std::vector<std::string> serve_command(const NetworkNamespace& space, const std::vector<std::string>& arguments);

/// TCP segments of one conversation in a capture, or of several added up.
struct SegmentCounts {
  int syns = 0;  ///< of the client, without ACK: a retransmitted one is a second one
  int syn_acks = 0;
  int resets = 0;        ///< of the stack
  int unreachables = 0;  ///< ICMP, that quote the client's SYN
  int replies = 0;       ///< of the stack, of any kind
};

/// What a capture holds, by port of the stack. Throws when it cannot be read.
std::map<std::uint16_t, SegmentCounts> read_capture(const std::string& path);

/// A connection to a port that echoes, and has done so.
Connection talk(std::uint16_t port);

/// While it lives the calling thread is in the namespace.
class ServedCommand {
 public:
  /// Starts it with a capture, and waits for its `ready`: everything can be done at once.
  explicit ServedCommand(const std::vector<std::string>& arguments);

  /// Ends it with a signal: its exit code.
  int end(int signal = SIGTERM);

  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] const NetworkNamespace& space() const { return space_; }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }
  /// All that has passed the device, by port: up to the last packet, also while it runs.
  [[nodiscard]] SegmentCounts seen(std::uint16_t port) const;
  [[nodiscard]] std::map<std::uint16_t, SegmentCounts> seen() const { return read_capture(file("capture.pcap")); }

 private:
  TemporaryFolder folder_;
  NetworkNamespace space_;
  InNamespace inside_{space_};
  Process process_;
};

}  // namespace backstop::test
