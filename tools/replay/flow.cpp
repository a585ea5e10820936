#include "tools/replay/flow.hpp"

#include <algorithm>
#include <utility>

#include "tools/capture/uncomputed_checksum.hpp"
#include "tools/notation/transcript.hpp"
#include "tools/replay/diff.hpp"
#include "tools/replay/follower.hpp"
#include "tools/replay/lines.hpp"

namespace backstop::replay {
namespace {

using capture::Packet;

// Why: more than any handshake takes, and little enough to keep.
constexpr std::size_t most_gathered = 1000;

// How long after the last captured packet our stack may still say what it owes: a delayed acknowledgment.
constexpr Duration last_words = std::chrono::milliseconds{60};

// Signed segments cannot be answered without the key (RFC 2385, RFC 5925).
bool is_signed(const wire::Ipv4Datagram& datagram) {
  constexpr std::uint8_t end_of_options = 0, no_operation = 1, md5 = 19, authentication = 29;
  const Bytes tcp = datagram.payload;
  const std::size_t header_size = std::min<std::size_t>((wire::load8(tcp, 12) >> 4) * 4u, tcp.size());
  for (std::size_t at = wire::tcp_header_size; at < header_size;) {
    const std::uint8_t kind = wire::load8(tcp, at);
    if (kind == md5 || kind == authentication) return true;
    if (kind == end_of_options) return false;
    if (kind != no_operation && (at + 1 >= header_size || wire::load8(tcp, at + 1) < 2)) return false;
    at += kind == no_operation ? 1u : wire::load8(tcp, at + 1);
  }
  return false;
}

std::string diff_of_hosts(const Lines& captured, const Lines& ours) {
  const std::string diff = unified_diff(captured, ours);
  return diff.empty() ? "" : "--- captured host\n+++ our stack\n" + diff;
}

}  // namespace

Flow::Flow(std::uint32_t number, FourTuple tuple, const ReplayOptions& options)
    : options_(options), disguise_(Disguise::for_flow(tuple)) {
  result_.number = number;
  result_.tuple = tuple;
  if (!options.only.empty() && !options.only.contains(number)) stage_ = Stage::refused;
}

Flow::~Flow() = default;

bool Flow::over() const {
  const Outcome outcome = captured_.outcome();
  return outcome.both_fins || outcome.reset_by != Side::nobody || outcome.opening == Opening::refused;
}

bool Flow::is_reopened_by(const wire::Segment& syn, bool from_host, Instant now) const {
  // Why: a peer that has forgotten an open connection tries again after this time at the earliest, and it must not be
  // taken for the attacker who guesses numbers in an open one.
  constexpr Duration forgotten = std::chrono::minutes{2};
  if (stage_ == Stage::gathering && !gathered_.empty()) {
    const auto first = gathered_.front().packet().segment;
    const bool is_other_side = gathered_.front().from_host() != from_host;  // both may open at once
    if (is_other_side) return now - last() > forgotten;
    return first && first->syn() && !first->has_ack() && first->seq != syn.seq;
  }
  const auto& origin = from_host ? captured_.host_origin() : captured_.peer_origin();
  if (!origin || origin->isn() == syn.seq) return false;
  return over() || captured_.outcome().opening == Opening::unanswered || now - last() > forgotten;
}

void Flow::take(const FlowPacket& packet) {
  if (result_.packets++ == 0) result_.first = packet.captured.time;
  result_.last = packet.captured.time;
  if (stage_ == Stage::refused) {
    if (packet.segment) packet.from_host ? captured_.outbound(*packet.segment) : captured_.inbound(*packet.segment);
    return;
  }
  if (auto reason = reason_against(packet)) return refuse(*reason);
  if (stage_ == Stage::playing) return play(packet);
  gather(packet);
}

void Flow::take_icmp(const Packet& packet) {
  if (stage_ != Stage::playing || disguise_) return;
  result_.last = packet.time;
  Arrival arrival;
  arrival.number = packet.number;
  arrival.time = packet.time;
  arrive(std::move(arrival), packet.ip.whole);
}

std::optional<std::string> Flow::reason_against(const FlowPacket& packet) const {
  if (packet.captured.missing > 0) {
    return "packet " + std::to_string(packet.captured.number) +
           " is cut by the snapshot length, and what is missing is needed";
  }
  if (!packet.segment) return std::nullopt;
  const bool is_fast_open = packet.from_host && packet.segment->syn() && !packet.segment->text.empty();
  if (is_fast_open) return "the host sent text with its SYN (TCP Fast Open)";
  if (packet.segment->syn() && is_signed(packet.captured.ip)) return "its segments are signed (TCP MD5 or TCP-AO)";
  if (result_.packets == 1 && !packet.segment->syn()) return "its SYN is not in the capture";
  return std::nullopt;
}

void Flow::refuse(std::string reason) {
  stage_ = Stage::refused;
  result_.verdict = Verdict::not_replayable;
  result_.reason = std::move(reason);
  player_.reset();
  gathered_.clear();
  text_ = {};
}

void Flow::gather(const FlowPacket& packet) {
  gathered_.emplace_back(packet);
  auto part = find_part(gathered_, result_.tuple, false);
  if (!part) return refuse(std::move(part.error()));
  if (*part) return start(**part);
  if (gathered_.size() == most_gathered) refuse("the host's segments are not in the capture");
}

void Flow::start(Part part) {
  stage_ = Stage::playing;
  distance_ = part.distance;
  if (disguise_) part.tuple = disguise_->tuple();
  if (!options_.list_only) player_ = std::make_unique<Player>(part, options_, text_, *this);
  const std::vector<StoredPacket> gathered = std::exchange(gathered_, {});
  for (const StoredPacket& stored : gathered) {
    if (stage_ == Stage::playing) play(stored.packet());
  }
}

void Flow::advance(Instant now) {
  if (player_) player_->advance(now);
}

void Flow::play(const FlowPacket& packet) {
  if (packet.from_host) {
    play_outbound(packet);
  } else {
    play_inbound(packet);
  }
  acks_.advance(captured_.acks(), ours_.acks());
}

void Flow::play_inbound(const FlowPacket& packet) {
  const bool wrong =
      packet.captured.header_checksum_wrong || (packet.segment && !wire::parse_segment(packet.captured.ip));
  const bool vouched_for = wrong && takes_wrong_checksum(packet.captured);
  Arrival arrival;
  arrival.number = packet.captured.number;
  arrival.time = packet.captured.time;
  arrival.offload.checksum_partial = vouched_for;
  arrival.checksum_is_right = !wrong;
  if (packet.segment && (!wrong || vouched_for)) {
    const wire::Segment& segment = *packet.segment;
    captured_.inbound(segment);
    arrival.needs = needed_by(segment);
    if (const auto& origin = captured_.peer_origin()) {
      const Offset begin = origin->offset_of(segment.seq);
      if (player_) text_.peer.add(begin + (segment.syn() ? 1 : 0), segment.text);
      if (segment.length() > 0) arrival.brings = begin + static_cast<Offset>(segment.length());
    }
  }
  if (packet.captured.header_checksum_wrong && !vouched_for) return;
  arrive(std::move(arrival), packet.captured.ip.whole);
}

bool Flow::takes_wrong_checksum(const Packet& packet) const {
  switch (options_.checksum) {
    case ChecksumPolicy::verify:
      return false;
    case ChecksumPolicy::ignore:
      return true;
    case ChecksumPolicy::automatic:
      break;
  }
  return capture::is_uncomputed_checksum(packet.ip) || wire::parse_segment(packet.ip).has_value();
}

void Flow::arrive(Arrival arrival, Bytes packet) {
  if (!player_) return;
  arrival.packet = packet;
  if (disguise_) {
    disguised_.assign(packet.begin(), packet.end());
    disguise_->put_on(disguised_);
    arrival.packet = disguised_;
  }
  player_->arrive(std::move(arrival));
}

// What our stack must have sent before the segment makes sense; nothing when the captured host had not sent it either.
std::optional<Offset> Flow::needed_by(const wire::Segment& segment) const {
  if (!segment.has_ack() || segment.rst() || !captured_.host_origin()) return std::nullopt;
  const Offset acked = captured_.host_origin()->offset_of(segment.ack);
  return acked <= captured_.sent_edge() ? std::optional{acked} : std::nullopt;
}

void Flow::play_outbound(const FlowPacket& packet) {
  if (!packet.segment) return;
  const wire::Segment& segment = *packet.segment;
  const Instant now = packet.captured.time;
  const bool was_reset = captured_.reset_by() == Side::host;
  captured_.outbound(segment);
  if (player_) player_->come_to(now, captured_.acked_edge());
  if (options_.keep_stories) {
    result_.story.add(now, packet.captured.number, Actor::captured_host, packet.captured.ip.header, segment);
  }
  if (const auto& origin = captured_.host_origin(); origin && !segment.rst()) {
    const Offset begin = origin->offset_of(segment.seq) + (segment.syn() ? 1 : 0);
    if (writes_captured_text()) text_.host.add(begin, segment.text);
    if (segment.fin()) text_.host_fin = begin + static_cast<Offset>(segment.text.size());
  }
  if (!player_) return;
  if (!was_reset && captured_.reset_by() == Side::host) return player_->host_aborts();
  player_->host_acts();
}

void Flow::delivers(const Arrival& arrival, Instant now) {
  const auto datagram = wire::parse_ipv4(arrival.packet);
  if (!datagram) return;
  // What was found to be right when it was captured is not summed up once more.
  const Offload offload{.checksum_partial = arrival.checksum_is_right || arrival.offload.checksum_partial};
  const auto segment = datagram->header.protocol == wire::protocol_tcp ? wire::parse_segment(*datagram, offload)
                                                                       : std::unexpected(Drop::ip_unknown_protocol);
  if (segment) ours_.inbound(*segment);
  if (options_.follower != nullptr) tell_follower(arrival.number, Actor::peer, {arrival.packet, arrival.offload}, now);
  if (!options_.keep_stories) return;
  if (segment) {
    result_.story.add(now, arrival.number, Actor::peer, datagram->header, *segment);
  } else {
    result_.story.add(now, arrival.number, Actor::peer, notation::describe({arrival.packet, arrival.offload}, {}));
  }
}

void Flow::sends(Bytes packet, Instant now) {
  const auto datagram = wire::parse_ipv4(packet);
  const auto segment = datagram ? wire::parse_segment(*datagram) : std::unexpected(datagram.error());
  if (!segment) {
    result_.faults.push_back("our stack sent what is no segment: " + notation::describe({packet, {}}, {}));
    return;
  }
  ours_.outbound(*segment);
  if (player_) player_->has_sent(ours_.sent_edge());
  if (options_.follower != nullptr) tell_follower(0, Actor::us, {packet, {}}, now);
  if (options_.keep_stories) result_.story.add_ours(now, packet, datagram->header, *segment);
}

void Flow::tell_follower(std::uint64_t number, Actor actor, InboundPacket packet, Instant now) {
  std::vector<std::byte> shown(packet.bytes.begin(), packet.bytes.end());
  if (disguise_) actor == Actor::us ? disguise_->take_off_sent(shown) : disguise_->take_off_received(shown);
  options_.follower->follow(
      {.flow = result_.number, .number = number, .actor = actor, .time = now, .packet = {shown, packet.offload}});
}

// --- The end.

FlowResult Flow::finish() {
  if (stage_ == Stage::gathering) {
    auto part = find_part(gathered_, result_.tuple, true);
    if (part) {
      start(part->value());
    } else {
      refuse(std::move(part.error()));
    }
  }
  if (player_) player_->run_to_end(result_.last + last_words);
  if (captured_.host_origin()) result_.host_isn = captured_.host_origin()->isn();
  if (captured_.peer_origin()) result_.peer_isn = captured_.peer_origin()->isn();
  result_.captured = captured_.outcome();
  result_.ours = ours_.outcome();
  if (player_) compare();
  return std::move(result_);
}

// Text that the capture ought to hold and does not: packets were lost where it was made.
std::optional<std::string> Flow::missing_text() const {
  const auto lacks = [](std::uint64_t acknowledged, const TextStream& stream) {
    return acknowledged > static_cast<std::uint64_t>(stream.end() - 1);
  };
  const auto behind = [](const TextStream& stream) { return " behind octet " + std::to_string(stream.end() - 1); };
  if (lacks(result_.captured.received, text_.peer)) {
    return "the capture lacks text that the host acknowledged," + behind(text_.peer);
  }
  if (writes_captured_text() && lacks(result_.captured.sent, text_.host)) {
    return "the capture lacks text that the host sent," + behind(text_.host);
  }
  return std::nullopt;
}

void Flow::compare() {
  if (auto missing = missing_text()) return refuse(std::move(*missing));
  if (const auto& fault = player_->fault()) result_.faults.push_back(*fault);
  result_.trouble = player_->trouble();
  for (const std::string& fault : result_.faults) result_.differences.push_back({Level::outcome, fault});
  if (result_.trouble) result_.differences.push_back({Level::outcome, *result_.trouble});
  if (const auto& wrong = player_->application().wrong_text()) result_.differences.push_back({Level::outcome, *wrong});
  if (const auto partial = player_->partial_acks()) {
    result_.notes.push_back(std::to_string(partial) +
                            " acknowledgments were delivered in parts: the host's congestion window was larger");
  }
  compare_outcome_and_acks();
  if (options_.levels.contains(Level::segments)) compare_segments();
  std::erase_if(result_.differences,
                [&](const Difference& difference) { return !options_.levels.contains(difference.level); });
  result_.verdict = result_.differences.empty() ? Verdict::same : Verdict::different;
  if (result_.verdict == Verdict::different && options_.keep_stories) {
    result_.diff = diff_of_hosts(without(exchange_lines(result_, Actor::captured_host), options_.ignored),
                                 without(exchange_lines(result_, Actor::us), options_.ignored));
  }
  if (result_.verdict == Verdict::different && distance_ > Duration::zero()) {
    result_.notes.push_back(
        "captured " + notation::format(distance_) +
        " s away from the host: what was lost on the way to it is not known; --local plays the other side");
  }
}

void Flow::compare_outcome_and_acks() {
  // A capture that ends before the host has acknowledged what it got says nothing about what it would have said.
  const bool captured_owes = captured_.owes_acknowledgment() && ours_.acked_edge() > captured_.acked_edge();
  Observer answered = captured_;
  if (captured_owes) {
    answered.acknowledge(ours_.acked_edge());
    result_.notes.push_back("the capture ends before the host acknowledges all that it got");
  }
  std::ranges::move(compare_outcomes(answered.outcome(), result_.ours), std::back_inserter(result_.differences));
  std::ranges::move(acks_.finish(answered.acks(), ours_.acks()), std::back_inserter(result_.differences));
}

void Flow::compare_segments() {
  const std::string diff = diff_of_hosts(without(sent_lines(result_, Actor::captured_host), options_.ignored),
                                         without(sent_lines(result_, Actor::us), options_.ignored));
  if (!diff.empty()) result_.differences.push_back({Level::segments, diff});
}

}  // namespace backstop::replay
