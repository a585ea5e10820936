#include "tools/analysis/flow_table.hpp"

#include "stack/wire/icmp.hpp"
#include "tools/capture/uncomputed_checksum.hpp"

namespace backstop::analysis {
namespace {

constexpr Duration quiet_time = std::chrono::minutes{2};

// Whether `segment` is the SYN of a later connection between the same ends. An unanswered SYN that meets one from the
// other side is a simultaneous open.
bool reopens(const Flow& flow, Side from, const wire::Segment& segment, Instant now) {
  if (!segment.syn() || segment.has_ack() || !flow.opening_syn || *flow.opening_syn == segment.seq) return false;
  const bool gave_up = !flow.answered && from == Side::client;
  return flow.over() || gave_up || now - flow.last > quiet_time;
}

void note_state(Flow& flow, Side from, const wire::Segment& segment) {
  if (from == Side::client && segment.syn() && !segment.has_ack() && !flow.opening_syn) flow.opening_syn = segment.seq;
  if (from == Side::server) flow.answered = true;
  if (segment.rst()) flow.reset = true;
  if (segment.fin()) (from == Side::client ? flow.client_closed : flow.server_closed) = true;
}

}  // namespace

Sighting FlowTable::see(const capture::Packet& packet) {
  constexpr std::size_t ports_size = 4;
  if (++seen_ % 4096 == 0) let_quiet_flows_go(packet.time);
  const wire::Ipv4Header& ip = packet.ip.header;
  if (ip.is_fragment()) return {};
  if (ip.protocol == wire::protocol_icmp) return see_icmp(packet);
  if (ip.protocol == wire::protocol_tcp && packet.ip.payload.size() >= ports_size) return see_tcp(packet);
  return {};
}

Sighting FlowTable::see_tcp(const capture::Packet& packet) {
  const Endpoint source{packet.ip.header.source, wire::load16(packet.ip.payload, 0)};
  const Endpoint destination{packet.ip.header.destination, wire::load16(packet.ip.payload, 2)};
  const auto parsed = wire::parse_segment(packet.ip, {.checksum_partial = true});
  Sighting sighting;
  if (parsed) sighting.segment = *parsed;
  const std::uint32_t opened_before = opened_;
  const bool ends_known = flows_.contains(std::minmax(source, destination));
  Flow& flow = find_or_open(source, destination, sighting.segment, packet.time);
  sighting.flow = &flow;
  sighting.from = source == flow.client ? Side::client : Side::server;
  flow.last = packet.time;
  if (!parsed) return sighting;
  sighting.checksum_wrong =
      packet.missing == 0 && !wire::parse_segment(packet.ip) && !capture::is_uncomputed_checksum(packet.ip);
  if (sighting.checksum_wrong) return sighting;
  note_state(flow, sighting.from, *parsed);
  sighting.finding = flow.analyzer.see(sighting.from, *parsed, packet.number, packet.time);
  if (ends_known && opened_ != opened_before) sighting.finding.marks |= Mark::port_numbers_reused;
  sighting.place = flow.analyzer.place();
  return sighting;
}

// An error belongs to the flow whose segment it quotes, and goes to who sent that.
Sighting FlowTable::see_icmp(const capture::Packet& packet) {
  const auto message = wire::parse_icmp(packet.ip.payload);
  const auto quoted = message ? wire::parse_quoted_segment(message->payload) : std::nullopt;
  if (!quoted) return {};
  const auto found = flows_.find(std::minmax(quoted->tuple.local, quoted->tuple.remote));
  if (found == flows_.end()) return {};
  Sighting sighting;
  sighting.flow = &found->second;
  sighting.from = quoted->tuple.local == found->second.client ? Side::server : Side::client;
  return sighting;
}

Flow& FlowTable::find_or_open(const Endpoint& source, const Endpoint& destination,
                              const std::optional<wire::Segment>& segment, Instant now) {
  const auto [place, is_new] = flows_.try_emplace(std::minmax(source, destination));
  Flow& flow = place->second;
  const Side from = source == flow.client ? Side::client : Side::server;
  if (!is_new && !(segment && reopens(flow, from, *segment, now))) return flow;
  const bool from_listener = segment && segment->syn() && segment->has_ack();
  flow = Flow{};
  flow.number = ++opened_;
  flow.client = from_listener ? destination : source;
  flow.server = from_listener ? source : destination;
  return flow;
}

// So that memory does not grow with the length of the capture.
void FlowTable::let_quiet_flows_go(Instant now) {
  std::erase_if(flows_, [&](const auto& entry) { return entry.second.over() && now - entry.second.last > quiet_time; });
}

}  // namespace backstop::analysis
