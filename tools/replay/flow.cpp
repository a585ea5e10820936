#include "tools/replay/flow.hpp"

#include <algorithm>

#include "stack/wire/checksum.hpp"

namespace backstop::replay {
namespace {

using capture::Packet;

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

// A checksum that a network card was still to compute: zero, or the sum of the pseudo-header, whose length some senders
// leave out.
bool is_uncomputed(const wire::Ipv4Datagram& datagram) {
  const std::uint16_t found = wire::load16(datagram.payload, 16);
  const auto sum = [&](std::size_t size) {
    return wire::pseudo_header(datagram.header.source, datagram.header.destination, wire::protocol_tcp,
                               static_cast<std::uint16_t>(size))
        .sum();
  };
  return found == 0 || found == sum(datagram.payload.size()) || found == sum(0);
}

}  // namespace

struct Flow::Stored {
  Packet captured;
  std::vector<std::byte> bytes;
  bool from_host = false;

  explicit Stored(const FlowPacket& packet)
      : captured(packet.captured),
        bytes(packet.captured.ip.whole.begin(), packet.captured.ip.whole.end()),
        from_host(packet.from_host) {
    captured.ip = wire::parse_ipv4(bytes).value();
  }
  Stored(Stored&&) = default;
  Stored& operator=(Stored&&) = default;
  Stored(const Stored&) = delete;
  Stored& operator=(const Stored&) = delete;
  ~Stored() = default;

  [[nodiscard]] FlowPacket packet() const {
    const auto segment = wire::parse_segment(captured.ip, {.checksum_partial = true});
    return {captured, segment ? std::optional{*segment} : std::nullopt, from_host};
  }
};

Flow::Flow(std::uint32_t number, FourTuple tuple, const ReplayOptions& options) : options_(options) {
  result_.number = number;
  result_.tuple = tuple;
}

Flow::~Flow() = default;

bool Flow::over() const {
  const Outcome outcome = captured_.outcome();
  return outcome.both_fins || outcome.reset_by != Side::nobody || outcome.opening == Opening::refused;
}

bool Flow::is_reopened_by(const wire::Segment& syn, Instant now) const {
  // Why: a peer that has forgotten an open connection tries again after this time at the earliest, and it must not be
  // taken for the attacker who guesses numbers in an open one.
  constexpr Duration forgotten = std::chrono::minutes{2};
  const auto& origin = captured_.peer_origin();
  if (!origin || origin->isn() == syn.seq) return false;
  const Outcome outcome = captured_.outcome();
  return over() || outcome.opening == Opening::unanswered || now - last() > forgotten;
}

void Flow::take(const FlowPacket& packet) {
  if (result_.packets++ == 0) result_.first = packet.captured.time;
  result_.last = packet.captured.time;
  if (result_.verdict == Verdict::not_replayable) return;
  if (auto reason = reason_against(packet)) return refuse(*reason);
  if (player_) {
    play(packet);
  } else {
    gather(packet);
  }
}

std::optional<std::string> Flow::reason_against(const FlowPacket& packet) const {
  const std::string name = "packet " + std::to_string(packet.captured.number);
  if (packet.captured.missing > 0) return name + " is cut by the snapshot length, and what is missing is needed";
  if (!packet.segment) return std::nullopt;
  const bool is_fast_open = packet.from_host && packet.segment->syn() && !packet.segment->text.empty();
  if (is_fast_open) return "the host sent text with its SYN (TCP Fast Open)";
  if (packet.segment->syn() && is_signed(packet.captured.ip)) return "its segments are signed (TCP MD5 or TCP-AO)";
  if (result_.packets == 1 && !packet.segment->syn()) return "its SYN is not in the capture";
  return std::nullopt;
}

void Flow::refuse(std::string reason) {
  result_.verdict = Verdict::not_replayable;
  result_.reason = std::move(reason);
  player_.reset();
  gathered_.clear();
  text_ = {};
}

// --- How the host opened.

void Flow::gather(const FlowPacket& packet) {
  gathered_.emplace_back(packet);
  if (auto part = find_part()) return start(*part);
  if (gathered_.size() == most_gathered) refuse("the host's segments are not in the capture");
}

namespace {

InitialNumbers numbers_of(const wire::Segment& segment) {
  InitialNumbers numbers{.isn = segment.seq, .timestamp = std::nullopt};
  if (segment.options.timestamps) numbers.timestamp = segment.options.timestamps->value;
  return numbers;
}

}  // namespace

std::optional<Part> Flow::find_part() const {
  Part part{.opening = Part::Opening::passive, .tuple = result_.tuple, .numbers = {}, .options = {}};
  for (const Stored& stored : gathered_) {
    const auto segment = stored.packet().segment;
    if (!segment || !stored.from_host) continue;
    if (segment->rst()) {
      part.opening = Part::Opening::refused;
      return part;
    }
    if (!segment->syn()) continue;
    part.opening = segment->has_ack() ? Part::Opening::passive : Part::Opening::active;
    part.numbers = numbers_of(*segment);
    part.options = segment->options;
    return part;
  }
  return std::nullopt;
}

void Flow::start(Part part) {
  player_ = std::make_unique<Player>(part, options_, text_, *this);
  const std::vector<Stored> gathered = std::move(gathered_);
  for (const Stored& stored : gathered) {
    if (player_) play(stored.packet());
  }
}

// --- Playing.

void Flow::play(const FlowPacket& packet) {
  if (packet.from_host) {
    play_outbound(packet);
  } else {
    play_inbound(packet);
  }
  acks_.advance(captured_.acks(), ours_.acks());
}

void Flow::play_inbound(const FlowPacket& packet) {
  const wire::Ipv4Datagram& ip = packet.captured.ip;
  Arrival arrival{.number = packet.captured.number,
                  .time = packet.captured.time,
                  .packet = {ip.whole.begin(), ip.whole.end()},
                  .offload = {}};
  const bool wrong = packet.segment && !wire::parse_segment(ip);
  const bool taken_all_the_same = options_.checksum == ChecksumPolicy::ignore ||
                                  (options_.checksum == ChecksumPolicy::automatic && is_uncomputed(ip));
  arrival.offload.checksum_partial = wrong && taken_all_the_same;
  std::optional<Offset> needs;
  if (packet.segment && (!wrong || taken_all_the_same)) {
    const wire::Segment& segment = *packet.segment;
    captured_.inbound(segment);
    needs = needed_by(segment);
    if (const auto& origin = captured_.peer_origin()) {
      text_.peer.add(origin->offset_of(segment.seq) + (segment.syn() ? 1 : 0), segment.text);
    }
  }
  player_->arrive(std::move(arrival), needs);
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
  const bool was_reset = captured_.outcome().reset_by == Side::host;
  captured_.outbound(segment);
  result_.story.add(packet.captured.time, packet.captured.number, Actor::captured_host, packet.captured.ip.header,
                    segment);
  if (const auto& origin = captured_.host_origin(); origin && !segment.rst()) {
    const Offset begin = origin->offset_of(segment.seq) + (segment.syn() ? 1 : 0);
    text_.host.add(begin, segment.text);
    if (segment.fin()) text_.host_fin = begin + static_cast<Offset>(segment.text.size());
  }
  if (!was_reset && captured_.outcome().reset_by == Side::host) return player_->host_aborts(packet.captured.time);
  player_->host_acts(packet.captured.time);
}

void Flow::delivers(const Arrival& arrival, Instant now) {
  const auto datagram = wire::parse_ipv4(arrival.packet);
  if (!datagram) return;
  const auto segment = wire::parse_segment(*datagram, arrival.offload);
  if (!segment) return;
  ours_.inbound(*segment);
  result_.story.add(now, arrival.number, Actor::peer, datagram->header, *segment);
}

void Flow::sends(Bytes packet, Instant now) {
  const auto datagram = wire::parse_ipv4(packet);
  if (!datagram || datagram->header.protocol != wire::protocol_tcp) return;
  const auto segment = wire::parse_segment(*datagram);
  if (!segment) return;
  ours_.outbound(*segment);
  if (player_) player_->has_sent(ours_.sent_edge());
  result_.story.add(now, 0, Actor::us, datagram->header, *segment);
}

// --- The end.

FlowResult Flow::finish() {
  if (!player_ && result_.verdict != Verdict::not_replayable) {
    const bool only_syns = std::ranges::all_of(gathered_, [](const Stored& stored) {
      const auto segment = stored.packet().segment;
      return !stored.from_host && (!segment || segment->syn() || segment->rst());
    });
    if (only_syns) {
      start({.opening = Part::Opening::silent, .tuple = result_.tuple, .numbers = {}, .options = {}});
    } else {
      refuse("the host's segments are not in the capture");
    }
  }
  if (player_) compare();
  return std::move(result_);
}

void Flow::compare() {
  player_->run_to_end(result_.last + last_words);
  result_.captured = captured_.outcome();
  result_.ours = ours_.outcome();
  if (const auto& trouble = player_->trouble()) result_.differences.push_back({Level::outcome, *trouble});
  if (const auto& wrong = player_->application().wrong_text()) result_.differences.push_back({Level::outcome, *wrong});
  std::ranges::move(compare_outcomes(result_.captured, result_.ours), std::back_inserter(result_.differences));
  std::ranges::move(acks_.finish(captured_.acks(), ours_.acks()), std::back_inserter(result_.differences));
  result_.verdict = result_.differences.empty() ? Verdict::same : Verdict::different;
}

}  // namespace backstop::replay
