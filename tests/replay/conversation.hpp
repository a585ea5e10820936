// A TCP conversation as a capture would show it, made packet by packet: what no collection of captures has, a test
// builds with this.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/capture_file.hpp"

namespace backstop::test {

class Conversation {
 public:
  struct Captured {
    Duration time{};
    Octets packet;
  };

  /// From the client's port to 10.0.0.2:80; the first packet is captured at `start`, each other 0.1 ms later.
  explicit Conversation(std::uint16_t client_port = 40'000, Duration start = {});

  Conversation& client(wire::Flags flags, const std::string& text = "");
  Conversation& server(wire::Flags flags, const std::string& text = "");
  /// Three-way handshake; text both ways; an orderly close by the client.
  Conversation& open();
  Conversation& talk(const std::string& request, const std::string& response);
  Conversation& close();
  Conversation& pause(Duration time);

  std::vector<Captured>& packets() & { return packets_; }
  [[nodiscard]] const std::vector<Captured>& packets() const& { return packets_; }
  std::vector<Captured> packets() && { return std::move(packets_); }

 private:
  struct Side {
    Endpoint endpoint;
    SeqNum next;
  };
  Conversation& send(Side& from, Side& to, wire::Flags flags, const std::string& text);

  Side client_;
  Side server_;
  Duration now_;
  std::vector<Captured> packets_;
};

/// open, talk, close.
Conversation whole_conversation(std::uint16_t client_port = 40'000, Duration start = {});

/// As pcap with raw IP and nanoseconds, in the order of their times.
Octets file_of(const std::vector<Conversation>& conversations);
Octets file_of(const Conversation& conversation);

}  // namespace backstop::test
