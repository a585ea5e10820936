// A cable between two stacks, in virtual time: delay, rate, queue, loss (also in bursts), duplication, reordering,
// corruption and MTU, all from one seed, so that a failure happens again. The packets last seen are kept as a
// transcript.
//
//   TwoHosts hosts{{.delay = 10ms, .loss = 0.05}, seed};
//   hosts.link.drop_next(Way::forward, "P. 1461:2921(1460)");   // that segment, once
//   hosts.link.run_until([&] { return sink.ended(); }, 60s);
//
// Read next: transfer.hpp, users that move text over it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "stack/stack.hpp"
#include "tests/support/memory.hpp"
#include "tests/support/packets.hpp"
#include "tests/support/random.hpp"
#include "tests/support/watch.hpp"
#include "tools/notation/pattern.hpp"
#include "tools/notation/transcript.hpp"

namespace backstop::test {

/// Loss that comes in bursts (Gilbert 1960, Elliott 1963): a chain of a good and a bad state, stepped by each packet.
struct BurstLoss {
  double to_bad = 0;   ///< probability of a step from good to bad; 0 switches this off
  double to_good = 1;  ///< of a step from bad to good
  double in_bad = 1;   ///< of loss in the bad state
};

/// What one direction does to packets. Probabilities are of 0 to 1.
struct Conditions {
  Duration delay = std::chrono::milliseconds{10};
  std::uint64_t rate = 0;  ///< bits per second; 0: no limit
  std::size_t queue = 0;   ///< packets that may wait for the rate, drop-tail; 0: any number
  double loss = 0;
  BurstLoss burst_loss{};
  double duplicate = 0;
  double reorder = 0;                                     ///< probability that a packet is held back
  Duration reorder_delay = std::chrono::milliseconds{5};  ///< how long then
  double corrupt = 0;                                     ///< one bit of the packet is turned over
  std::size_t mtu = 65'535;                               ///< octets; larger packets are cut, or refused with DF
};

enum class Way : std::uint8_t { forward, backward };  ///< forward: from the first stack to the second

/// A packet that is about to enter the link.
struct Passing {
  Way way;
  std::uint64_t number;  ///< of its direction, from 1
  wire::Ipv4Header ip;
  std::optional<wire::Segment> segment;
  notation::Relative relative;
};

class Link {
 public:
  Link(Stack& first, Stack& second, const Conditions& conditions, std::uint64_t seed, Instant start = {});

  Conditions& conditions(Way way) { return directions_[index(way)].conditions; }
  /// Drops what the predicate says, besides the random losses.
  void drop_if(std::function<bool(const Passing&)> predicate) { drop_if_ = std::move(predicate); }
  /// Drops the next `times` segments that match a line of the notation.
  void drop_next(Way way, std::string_view line, int times = 1);
  /// Drops the `nth` segment with text from now on, retransmissions counted.
  void drop_nth_text(Way way, std::uint64_t nth);

  /// Moves time to the next arrival or deadline and lets it act. False when nothing will ever happen again.
  bool step();
  /// Steps until `done()`, which is asked after each step and may use the stacks. False when `limit` passed first.
  template <class Done>
  bool run_until(Done done, Duration limit);
  void run_for(Duration duration);

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] const notation::Transcript& story() const { return story_; }
  /// Packets that entered, and of those the ones that never arrived.
  [[nodiscard]] std::uint64_t packets(Way way) const { return directions_[index(way)].packets; }
  [[nodiscard]] std::uint64_t lost(Way way) const { return directions_[index(way)].lost; }

 private:
  struct Direction {
    Conditions conditions;
    Stack* from;
    Stack* to;
    Watch watch;  // of `from`
    Instant line_free{};
    std::deque<Instant> departures{};  // of packets that wait for the rate
    bool bad = false;                  // state of the burst loss
    std::uint64_t packets = 0;
    std::uint64_t lost = 0;
  };
  struct Arrival {
    Way way;
    Packet bytes;
    Offload offload;
  };
  struct Drop {
    Way way;
    notation::SegmentPattern pattern;
    int times;
  };

  static std::size_t index(Way way) { return static_cast<std::size_t>(way); }
  static Way reverse(Way way) { return way == Way::forward ? Way::backward : Way::forward; }
  void exchange();
  bool send_all(Way way);
  void enter(Way way, Packet bytes, Offload offload);
  void note(Way way, const Packet& bytes, Offload offload, std::string_view remark);
  std::string_view fate(Way way, const Packet& bytes, Offload offload);
  bool chosen_to_drop(const Passing& passing);
  bool random_loss(Direction& direction);
  bool too_big(Way way, const Packet& bytes, Offload offload);
  Instant departure(Direction& direction, std::size_t size);
  void travel(Way way, Packet bytes, Offload offload);
  void deliver_due();
  [[nodiscard]] Instant next_event() const;
  [[noreturn]] void fail(const std::string& what) const;

  std::array<Direction, 2> directions_;
  Random random_;
  Instant now_;
  notation::Transcript story_;
  std::multimap<Instant, Arrival> arrivals_;
  std::function<bool(const Passing&)> drop_if_;
  std::vector<Drop> drops_;
  int steps_without_progress_ = 0;
};

template <class Done>
bool Link::run_until(Done done, Duration limit) {
  const Instant end = now_ + limit;
  exchange();
  while (!done()) {
    if (next_event() > end) {
      now_ = end;
      return false;
    }
    if (!step()) return done();
  }
  return true;
}

/// Two stacks, 10.0.0.1 and 10.0.0.2, on a link.
struct TwoHosts {
  using Change = std::function<void(Config&)>;

  explicit TwoHosts(const Conditions& conditions = {}, std::uint64_t seed = 1, const Change& change_both = {},
                    const Change& change_second = {});
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;

  struct Connection {
    Stream first;
    Stream second;
  };
  /// The first host connects to the second one's `port`. Throws with the story when that takes more than `limit`.
  Connection connect(std::uint16_t port = 80, Duration limit = std::chrono::seconds{60});

  SealedMemory first_memory;
  SealedMemory second_memory;
  Stack first;
  Stack second;
  Link link;
};

}  // namespace backstop::test
