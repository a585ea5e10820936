#include "tools/replay/opening.hpp"

#include <algorithm>

namespace backstop::replay {
namespace {

using Packets = std::vector<StoredPacket>;

bool is_plain_syn(const wire::Segment& segment) { return segment.syn() && !segment.has_ack() && !segment.rst(); }
bool is_syn_ack(const wire::Segment& segment) { return segment.syn() && segment.has_ack() && !segment.rst(); }

// What the packets so far hold of a handshake, as places in their order.
struct Signs {
  using Place = std::optional<std::size_t>;
  Place peer_syn;
  Place latest_peer_syn;  // before the host's answer
  Place peer_syn_ack;
  Place host_syn;
  Place host_syn_ack;
  Place host_refusal;
  Place host_other;  // neither SYN nor RST
  Place peer_other;

  explicit Signs(const Packets& packets) {
    for (std::size_t i = 0; i < packets.size(); ++i) {
      if (const auto segment = packets[i].packet().segment) note(*segment, packets[i].from_host(), i);
    }
  }

 private:
  void note(const wire::Segment& segment, bool from_host, std::size_t place) {
    const auto keep_first = [&](Place& sign) {
      if (!sign) sign = place;
    };
    if (is_plain_syn(segment)) {
      keep_first(from_host ? host_syn : peer_syn);
      if (!from_host && !host_syn_ack) latest_peer_syn = place;
      if (!from_host && !syn_end_) syn_end_ = segment.seq + segment.length();
    } else if (is_syn_ack(segment)) {
      keep_first(from_host ? host_syn_ack : peer_syn_ack);
    } else if (segment.rst()) {
      // A RST that does not acknowledge the SYN refuses nothing (RFC 9293 section 3.10.7.3); forged ones are like that.
      if (from_host && segment.has_ack() && syn_end_ && segment.ack == *syn_end_) keep_first(host_refusal);
    } else {
      keep_first(from_host ? host_other : peer_other);
    }
  }

  std::optional<SeqNum> syn_end_;
};

void move_to_front(Packets& packets, std::size_t place) {
  packets[place].move_to(std::min(packets[place].time(), packets.front().time()));
  std::rotate(packets.begin(), packets.begin() + static_cast<std::ptrdiff_t>(place),
              packets.begin() + static_cast<std::ptrdiff_t>(place) + 1);
}

Part part_as(Part::Opening opening, const FourTuple& tuple, const Packets& packets, std::size_t place) {
  const auto segment = packets[place].packet().segment.value();
  Part part{.opening = opening,
            .tuple = tuple,
            .numbers = {.isn = segment.seq, .timestamp = {}},
            .options = segment.options,
            .ecn = segment.flags.has(wire::Flag::ece)};
  if (segment.options.timestamps) part.numbers.timestamp = segment.options.timestamps->value;
  return part;
}

// The time from a packet of the peer to the host's answer: what the capture was away from the host. Handshakes are
// answered by the stack itself, so little else is in it.
Duration distance(const Packets& packets, std::optional<std::size_t> question, std::size_t answer) {
  // Why: below, it is the host's own time; above, somebody was asleep.
  constexpr Duration shortest = std::chrono::milliseconds{1};
  constexpr Duration longest = std::chrono::seconds{1};
  if (!question || *question > answer) return {};
  const Duration time = packets[answer].time() - packets[*question].time();
  if (time < shortest || time > longest) return {};
  return time - time / 16;  // a little less, as answers may come faster later
}

// Somebody else's RSTs, in front of the host's own answer.
void remove_resets_before(Packets& packets, std::size_t place) {
  std::size_t index = 0;
  std::erase_if(packets, [&](const StoredPacket& stored) {
    const auto segment = stored.packet().segment;
    return index++ < place && stored.from_host() && segment && segment->rst();
  });
}

std::expected<std::optional<Part>, std::string> when_syn_ack_is_there(Packets& packets, const Signs& signs,
                                                                      const FourTuple& tuple, bool at_end) {
  // Why three: a card with several queues mixes up neighbours, not more.
  constexpr std::size_t most_mixed_up = 3;
  if (signs.host_syn) {
    const Part part = part_as(Part::Opening::active, tuple, packets, *signs.host_syn);
    move_to_front(packets, *signs.host_syn);
    return part;
  }
  if (!signs.peer_syn) {
    if (at_end || packets.size() > most_mixed_up) return std::unexpected("its SYN is not in the capture");
    return std::nullopt;
  }
  Part part = part_as(Part::Opening::passive, tuple, packets, *signs.host_syn_ack);
  part.distance = distance(packets, signs.latest_peer_syn, *signs.host_syn_ack);
  if (*signs.peer_syn > *signs.host_syn_ack) {
    move_to_front(packets, *signs.peer_syn);
  } else {
    remove_resets_before(packets, *signs.host_syn_ack);
  }
  return part;
}

std::optional<Part> when_host_opened(const Packets& packets, const Signs& signs, const FourTuple& tuple, bool at_end) {
  // The answer to the peer's SYN,ACK tells the distance.
  if (!signs.host_other && !at_end && packets.size() < 16) return std::nullopt;
  Part part = part_as(Part::Opening::active, tuple, packets, *signs.host_syn);
  if (signs.host_other) part.distance = distance(packets, signs.peer_syn_ack, *signs.host_other);
  return part;
}

}  // namespace

StoredPacket::StoredPacket(const FlowPacket& packet)
    : captured_(packet.captured),
      octets_(packet.captured.ip.whole.begin(), packet.captured.ip.whole.end()),
      from_host_(packet.from_host) {
  captured_.ip = wire::parse_ipv4(octets_).value();
}

FlowPacket StoredPacket::packet() const {
  const auto segment = wire::parse_segment(captured_.ip, {.checksum_partial = true});
  return {captured_, segment ? std::optional{*segment} : std::nullopt, from_host_};
}

std::expected<std::optional<Part>, std::string> find_part(std::vector<StoredPacket>& packets, const FourTuple& tuple,
                                                          bool at_end) {
  const Signs signs(packets);
  if (signs.host_syn_ack) return when_syn_ack_is_there(packets, signs, tuple, at_end);
  if (signs.host_syn) {
    const bool host_was_first = !signs.peer_syn || *signs.host_syn < *signs.peer_syn;
    if (host_was_first) return when_host_opened(packets, signs, tuple, at_end);
    if (signs.host_other || at_end) return std::unexpected("split handshake: the host answered a SYN with a SYN");
    return std::nullopt;
  }
  if (signs.host_refusal)
    return Part{.opening = Part::Opening::refused, .tuple = tuple, .numbers = {}, .options = {}, .ecn = {}};
  if (signs.host_other) return std::unexpected("the host's SYN,ACK is not in the capture");
  if (!at_end) return std::nullopt;
  if (!signs.peer_syn) return std::unexpected("its SYN is not in the capture");
  if (signs.peer_other) return std::unexpected("the host's segments are not in the capture");
  return Part{.opening = Part::Opening::silent, .tuple = tuple, .numbers = {}, .options = {}, .ecn = {}};
}

}  // namespace backstop::replay
