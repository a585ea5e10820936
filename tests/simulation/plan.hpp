// All that one seed means: the hosts and their configurations, the cables and what happens to them, and who talks to
// whom in which manner. Drawn in one go, so a plan can be read before it is played.
// Read next: world.hpp, which plays it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stack/config.hpp"
#include "tests/simulation/cable.hpp"
#include "tests/simulation/draw.hpp"

namespace backstop::simulation {

/// How a user ends its connection.
enum class Ending : std::uint8_t {
  close_when_sent,   ///< CLOSE behind the last octet, then it reads to the end of text
  close_after_peer,  ///< CLOSE once it has read the end of text and written everything
  leave,             ///< lets the stream go once everything is written, without reading on
  abort,             ///< ABORT after so many octets
};

/// How a user behaves.
struct Manner {
  std::uint64_t octets = 0;  ///< that it writes, the name in front included
  bool echo = false;         ///< writes as many more as it has read
  std::uint32_t write_size = 4096;
  std::uint32_t read_size = 4096;
  Duration write_pause{};  ///< between two writes
  Duration read_pause{};
  Duration read_delay{};  ///< before the first read
  Ending ending = Ending::close_when_sent;
  std::uint64_t abort_after = 0;  ///< octets written and read
  bool in_place = false;          ///< uses the calls that do not copy
  bool no_delay = false;
  bool lingers = false;  ///< keeps the stream until the connection is CLOSED
};

/// A listener and the users behind it.
struct Service {
  std::uint16_t port = 0;
  std::uint32_t backlog = 16;
  Manner manner;
  Duration accept_delay{};
  bool comes_and_goes = false;
  Duration open_for{};  ///< when it comes and goes
  Duration closed_for{};
};

/// An active open, once or again and again.
struct Visit {
  Duration at{};
  std::size_t host = 0;
  std::size_t target = 0;
  std::uint16_t port = 0;
  std::uint16_t local_port = 0;  ///< 0: the stack chooses
  unsigned times = 1;
  Duration pause{};  ///< from the end of one to the beginning of the next
  Manner manner;
  bool may_be_refused = false;
};

/// A fallback manager, and what its one handler makes of the flows that no listener claims.
struct FallbackPlan {
  std::uint32_t max_flows = 16;
  std::uint32_t most_in_flight = 16;
  bool sheds = false;   ///< at the limit, the oldest flow goes
  double declines = 0;  ///< probabilities; what is left is accepted
  double rejects = 0;
  double drops = 0;
  double defers = 0;  ///< and answers later, or never
  Duration answer_delay{};
  Duration timeout{};  ///< of a deferred flow
  Manner manner;       ///< of whoever serves an accepted one
};

struct HostPlan {
  Config config;
  std::vector<Service> services;
  std::optional<FallbackPlan> fallback;
  std::size_t inbox = 64;  ///< packets that wait while the host is stalled; more are lost
};

struct CableChange {
  Duration at{};
  std::size_t from = 0;
  std::size_t to = 0;
  CableConditions conditions;
};

/// A host does nothing for a while, as one whose scheduler has forgotten it.
struct Stall {
  Duration at{};
  std::size_t host = 0;
  Duration duration{};
};

struct Plan {
  std::uint64_t seed = 0;
  Instant start;
  Duration trouble{};   ///< how long things are bad; then every cable is good
  bool patient = true;  ///< whoever has patience for longer than the trouble never gives up
  std::vector<HostPlan> hosts;
  std::vector<CableChange> cables;  ///< those at time 0 are the first conditions
  std::vector<Stall> stalls;
  std::vector<Visit> visits;
};

Plan draw_plan(std::uint64_t seed);

/// The plan in a few lines, for whoever reads a transcript.
std::string describe(const Plan& plan);

}  // namespace backstop::simulation
