// Rules that every segment of ours must keep, whatever a test is about: Scenario and Link check them on each packet.
//   - MSS, window scale and SACK-permitted only together with SYN (RFC 9293 MUST-65, RFC 7323 section 2.2, RFC 2018)
//   - acknowledgments never go back, and the window's right edge never moves left (SHLD-14)
//   - no text beyond the largest edge that the peer offered, but for the octet of a probe (section 3.8.6.1)
//   - no more text in a segment than the peer's MSS allows (MUST-16), no packet above the MTU
//   - timestamps on every segment but RST once both SYNs had them, and never running back (RFC 7323 section 3.2)
// Read next: scenario.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "stack/wire/segment.hpp"

namespace backstop::test {

class Watch {
 public:
  explicit Watch(std::uint16_t mtu) : mtu_(mtu) {}

  /// The stack sent this. What is wrong with it, or an empty string.
  std::string sent(const wire::Ipv4Header& ip, const wire::Segment& segment, Offload offload);
  /// The stack was given this.
  void received(const wire::Ipv4Header& ip, const wire::Segment& segment);

 private:
  struct Side {
    bool syn_seen = false;
    bool ended = false;  ///< a FIN or RST was seen: the next SYN begins anew
    wire::TcpOptions syn_options;
    std::optional<SeqNum> ack;         ///< highest sent
    std::optional<SeqNum> right_edge;  ///< highest offered to the other side
    std::optional<std::uint32_t> timestamp;
  };
  struct Conversation {
    Side ours;
    Side peers;
  };

  Conversation& conversation(const Endpoint& local, const Endpoint& remote);
  static void note(Side& side, const Side& other, const wire::Segment& segment);
  static void note_end(Conversation& both, const wire::Segment& segment);
  [[nodiscard]] std::string check_size(const Conversation& both, const wire::Segment& segment, Offload offload) const;

  std::uint16_t mtu_;
  std::map<std::pair<Endpoint, Endpoint>, Conversation> conversations_;
};

}  // namespace backstop::test
