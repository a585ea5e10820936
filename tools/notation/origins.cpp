#include "tools/notation/origins.hpp"

namespace backstop::notation {

void Origins::learn(Ipv4Address source, Ipv4Address destination, const wire::Segment& segment) {
  const Direction direction{{source, segment.source_port}, {destination, segment.destination_port}};
  if (segment.syn()) {
    const auto [place, is_new] = origins_.try_emplace(direction, Origin{.isn = segment.seq});
    if (!is_new && place->second.ended && !place->second.pinned) place->second = Origin{.isn = segment.seq};
  }
  if (segment.rst() || segment.fin()) {
    end(direction);
    end({direction.second, direction.first});
  }
}

void Origins::pin(const Endpoint& source, const Endpoint& destination, SeqNum isn) {
  origins_[{source, destination}] = Origin{.isn = isn, .pinned = true};
}

Relative Origins::of(const Endpoint& source, const Endpoint& destination) const {
  return {.isn = isn_of({source, destination}), .peer_isn = isn_of({destination, source})};
}

SeqNum Origins::isn_of(const Direction& direction) const {
  const auto found = origins_.find(direction);
  return found == origins_.end() ? SeqNum{} : found->second.isn;
}

void Origins::end(const Direction& direction) {
  if (const auto found = origins_.find(direction); found != origins_.end()) found->second.ended = true;
}

}  // namespace backstop::notation
