// Where relative sequence numbers count from: the initial sequence number of each direction of each connection, learned
// from the SYNs that pass by. Until a direction's SYN has been seen, its numbers are as on the wire.
// Read next: transcript.hpp.
#pragma once

#include <map>
#include <utility>

#include "stack/wire/ipv4.hpp"
#include "tools/notation/format.hpp"

namespace backstop::notation {

class Origins {
 public:
  /// A segment passes from `source` to `destination`. A SYN sets its direction's origin, but an old duplicate of a
  /// connection that lives does not move it: only once a FIN or RST was seen may a new SYN begin anew.
  void learn(Ipv4Address source, Ipv4Address destination, const wire::Segment& segment);
  /// Fixes the origin of what `source` sends to `destination`, whatever passes by later.
  void pin(const Endpoint& source, const Endpoint& destination, SeqNum isn);

  [[nodiscard]] Relative of(const Endpoint& source, const Endpoint& destination) const;

 private:
  using Direction = std::pair<Endpoint, Endpoint>;
  struct Origin {
    SeqNum isn;
    bool ended = false;
    bool pinned = false;
  };

  [[nodiscard]] SeqNum isn_of(const Direction& direction) const;
  void end(const Direction& direction);

  std::map<Direction, Origin> origins_;
};

}  // namespace backstop::notation
