// One direction of a bad cable between two hosts: what tests/support/link.hpp knows of badness, and what only a long
// simulation needs: it goes down and up again, delivers late copies, cuts packets that forbid it, and marks congestion.
// Offloaded packets cross whole, or are cut and finished as a network card does it.
// Read next: world.hpp.
#pragma once

#include <deque>
#include <string_view>
#include <vector>

#include "stack/tcp/time.hpp"
#include "tests/simulation/draw.hpp"
#include "tests/support/link.hpp"
#include "tests/support/packets.hpp"

namespace backstop::simulation {

struct CableConditions : test::Conditions {
  bool down = false;
  bool cuts_despite_df = false;                  ///< fragments what forbids it, as some broken routers do
  bool reports_too_big = true;                   ///< answers packets that are too big as RFC 1191 section 4 asks
  bool carries_offload = false;                  ///< as between two guests of one machine: nothing is cut or summed
  double late_copy = 0;                          ///< probability that a packet arrives again, much later
  double congestion_mark = 0;                    ///< of CE on a packet that is ECN-capable (RFC 3168)
  Duration lifetime = std::chrono::seconds{15};  ///< what would be under way for longer is lost (RFC 9293: MSL)
};

class Cable {
 public:
  struct Arrival {
    Instant at;
    test::Packet bytes;
    Offload offload;
    bool at_sender = false;  ///< a router's message to whom the packet came from
  };

  explicit Cable(Draw draw) : draw_(draw) {}

  /// A packet enters. What comes of it is added to `arrivals`. Returns what happened to it, if that was bad.
  std::string_view pass(test::Packet packet, Offload offload, Instant now, std::vector<Arrival>& arrivals);

  CableConditions conditions;

 private:
  std::string_view pass_one(test::Packet packet, Offload offload, Instant now, std::vector<Arrival>& arrivals);
  bool loses();
  bool queue_is_full(Instant now) const;
  Instant departure(std::size_t size, Instant now);
  std::string_view spoil(test::Packet& packet, Offload& offload);
  void travel(test::Packet packet, Offload offload, Instant now, std::vector<Arrival>& arrivals);
  void arrive(Instant at, test::Packet packet, Offload offload, std::vector<Arrival>& arrivals);

  Draw draw_;
  Instant line_free_{};
  std::deque<Instant> departures_;
  bool bad_ = false;           // state of the burst loss
  std::uint16_t next_id_ = 0;  // of IPv4 packets that the cable made
};

}  // namespace backstop::simulation
