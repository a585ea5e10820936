// Sorts the packets of a capture into connections, numbered from 1 in the order of their first packets as `backstop
// replay` numbers them, and has each segment looked at.
// Read next: conversation.hpp, which keeps what is found.
#pragma once

#include <map>
#include <optional>
#include <utility>

#include "tools/analysis/flow_analyzer.hpp"
#include "tools/capture/packet_reader.hpp"
#include "tools/notation/format.hpp"

namespace backstop::analysis {

/// One connection, as far as it was seen.
struct Flow {
  std::uint32_t number = 0;
  Endpoint client;  ///< who opened it, as far as the capture tells
  Endpoint server;
  FlowAnalyzer analyzer;
  std::optional<SeqNum> opening_syn;
  bool answered = false;
  bool reset = false;
  bool client_closed = false;
  bool server_closed = false;
  Instant last{};

  [[nodiscard]] bool over() const { return reset || (client_closed && server_closed); }
  [[nodiscard]] notation::Relative relative(Side from) const { return {analyzer.isn(from), analyzer.isn(other(from))}; }
};

/// A packet with its place in the capture's connections.
struct Sighting {
  const Flow* flow = nullptr;  ///< absent when the packet belongs to none; valid until the next call
  Side from = Side::client;
  std::optional<wire::Segment> segment;  ///< absent when it is no TCP segment, or a malformed one
  bool checksum_wrong = false;           ///< and not merely left to a network card to compute
  Finding finding;
  Place place;
};

class FlowTable {
 public:
  Sighting see(const capture::Packet& packet);

 private:
  using Ends = std::pair<Endpoint, Endpoint>;

  Sighting see_tcp(const capture::Packet& packet);
  Sighting see_icmp(const capture::Packet& packet);
  Flow& find_or_open(const Endpoint& source, const Endpoint& destination, const std::optional<wire::Segment>& segment,
                     Instant now);
  void let_quiet_flows_go(Instant now);

  std::map<Ends, Flow> flows_;
  std::uint32_t opened_ = 0;
  std::uint64_t seen_ = 0;
};

}  // namespace backstop::analysis
