// How a capture is to be replayed and compared: the options of `backstop replay` as values.
// Read next: replay.hpp.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>

#include "stack/tcp/time.hpp"
#include "stack/wire/address.hpp"
#include "tools/replay/application.hpp"
#include "tools/replay/compare.hpp"

namespace backstop::replay {

/// What is done about TCP checksums of captured packets that are wrong.
enum class ChecksumPolicy : std::uint8_t {
  verify,     ///< our stack drops the packet
  ignore,     ///< our stack takes it
  automatic,  ///< it takes those that a network card was still to compute, and drops the others
};

/// Who is ours when no address says so.
enum class Role : std::uint8_t { server, client };  ///< the one that received the SYN, or sent it

/// Which host is ours. Without a port: every connection of the address.
struct LocalEnd {
  Ipv4Address address;
  std::uint16_t port = 0;
};

class Follower;

struct ReplayOptions {
  std::optional<LocalEnd> local;  ///< absent: as `role` says
  Role role = Role::server;
  ApplicationKind application = ApplicationKind::captured;
  ChecksumPolicy checksum = ChecksumPolicy::automatic;
  std::set<Level> levels{Level::outcome, Level::acks};
  std::set<Field> ignored;  ///< in lines that are compared
  /// Flows to play, by number; empty: all.
  std::set<std::uint32_t> only;
  bool keep_stories = false;  ///< for transcripts, goldens and pictures
  bool list_only = false;     ///< play nothing, only say what could be
  /// How long a packet waits for our stack to send what it acknowledges.
  Duration max_hold = std::chrono::seconds{3};
  Follower* follower = nullptr;                       ///< sees every packet as it is played
  std::atomic<std::uint64_t>* octets_read = nullptr;  ///< of capture files, for a progress bar
};

}  // namespace backstop::replay
