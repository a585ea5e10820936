// A world: hosts on bad cables in virtual time, played from a plan to its end, with every rule checked on the way.
// The same seed gives the same world, packet by packet.
// Read next: main.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "tests/simulation/cable.hpp"
#include "tests/simulation/host.hpp"
#include "tests/simulation/plan.hpp"
#include "tools/notation/transcript.hpp"

namespace backstop::simulation {

/// What happened, for whoever wants to know that enough did.
struct Tally {
  std::uint64_t worlds = 0;
  std::uint64_t packets = 0;
  std::uint64_t lost = 0;
  std::uint64_t octets_read = 0;
  std::uint64_t ends = 0;
  std::uint64_t ends_complete = 0;  ///< read everything, to the end of text
  std::uint64_t ends_with_error = 0;
  std::uint64_t retransmitted = 0;
  std::uint64_t retransmission_timeouts = 0;

  Tally& operator+=(const Tally& other);
};

class World final : public Surroundings {
 public:
  /// `story`, when given, takes the transcript.
  explicit World(const Plan& plan, notation::Transcript* story = nullptr);

  /// Throws Failure.
  void run();
  [[nodiscard]] Tally tally();

  void send(std::size_t host, test::Packet packet, Offload offload) override;
  void at(Instant when, std::move_only_function<void()> what) override;
  void note(std::string_view text) override;

 private:
  struct Entry {
    Instant when;
    std::uint64_t order;
    // Why mutable: a priority queue shows its first entry as const only.
    mutable std::move_only_function<void()> what;
    bool operator<(const Entry& other) const { return when != other.when ? when > other.when : order > other.order; }
  };

  void schedule_plan();
  void begin_visit(const Visit& visit, unsigned times_left);
  [[nodiscard]] Instant next_time() const;
  void play();
  void step(Instant when);
  void arrive(std::size_t host, test::Packet packet, Offload offload);
  bool dismiss_widows();
  void check_bounds() const;
  void check_end() const;
  void judge(const End& end) const;
  [[nodiscard]] bool excuses(const End& end) const;
  [[nodiscard]] bool is_short_of_blocks(Ipv4Address host) const;
  [[nodiscard]] bool turned_away(Ipv4Address host) const;
  [[nodiscard]] bool sent_cookies(const FourTuple& tuple) const;
  [[nodiscard]] std::size_t host_at(Ipv4Address address) const;
  Cable& cable(std::size_t from, std::size_t to) { return cables_[from * hosts_.size() + to]; }

  const Plan& plan_;
  notation::Transcript* story_;
  Instant now_;
  Instant good_from_;  // from here on every cable is good
  std::uint64_t order_ = 0;
  std::priority_queue<Entry> calendar_;
  Ends ends_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<Cable> cables_;
  std::vector<Cable::Arrival> arrivals_;
  Tally tally_;
};

}  // namespace backstop::simulation
