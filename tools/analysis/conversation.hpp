// One connection of a capture with everything that pictures are made of: each segment, where it lies in the two
// streams, and what was found out about it.
// Read next: tools/ladder/ladder.hpp, tools/plot/series.hpp.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tools/analysis/flow_table.hpp"

namespace backstop::analysis {

/// One packet of a conversation.
struct Record {
  std::uint64_t number = 0;  ///< in the capture
  Instant time{};
  Side from = Side::client;
  bool is_segment = false;
  bool checksum_wrong = false;
  wire::Ipv4Header ip;
  wire::Segment segment;  ///< without its text
  std::uint32_t text_size = 0;
  Place place;
  std::uint64_t window = 0;  ///< octets, scaled
  Finding finding;
  std::string words;  ///< of what is no TCP segment, in the notation

  [[nodiscard]] Offset end() const {
    return place.seq + static_cast<Offset>(text_size) + (segment.syn() ? 1 : 0) + (segment.fin() ? 1 : 0);
  }
};

struct Conversation {
  std::uint32_t number = 0;  ///< in the capture
  Endpoint client;
  Endpoint server;
  SeqNum client_isn{};
  SeqNum server_isn{};
  std::vector<Record> records{};

  [[nodiscard]] notation::Relative relative(Side from) const {
    return from == Side::client ? notation::Relative{client_isn, server_isn}
                                : notation::Relative{server_isn, client_isn};
  }
  [[nodiscard]] Instant first() const { return records.empty() ? Instant{} : records.front().time; }
};

/// "10.77.0.1:59326 > 10.77.0.2:8080", the client first.
std::string name_of(const Conversation& conversation);

/// Those connections of a capture whose numbers are in `only`; all when that is empty. Throws
/// capture::UnreadableCapture, and std::invalid_argument for a wrong filter.
std::vector<Conversation> read_conversations(const std::string& path, const std::string& filter,
                                             const std::set<std::uint32_t>& only);

}  // namespace backstop::analysis
