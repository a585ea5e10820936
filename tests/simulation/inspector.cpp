#include "tests/simulation/inspector.hpp"

#include <algorithm>
#include <utility>

#include "stack/wire/icmp.hpp"
#include "tests/support/packets.hpp"

namespace backstop::simulation {
namespace {

constexpr std::uint32_t default_mss = 536;  // MUST-15
constexpr std::uint32_t half_of_space = 0x8000'0000;

std::uint32_t shift_of(const wire::TcpOptions& side, const wire::TcpOptions& other, const wire::Segment& segment) {
  constexpr std::uint8_t largest = 14;  // RFC 7323 section 2.3: what says more is taken as this
  return !segment.syn() && side.window_scale && other.window_scale ? std::min(*side.window_scale, largest) : 0u;
}

std::uint32_t octets(const wire::Segment& segment) { return static_cast<std::uint32_t>(segment.text.size()); }

}  // namespace

// What the host sends -------------------------------------------------------------------------------------------------

std::string Inspector::sent(Bytes packet, Offload offload) {
  ++counts_.packets;
  const auto datagram = wire::parse_ipv4(packet);
  if (!datagram) return "a bad packet: " + std::string(to_string(datagram.error()));
  if (packet.size() != datagram->whole.size()) return "a packet of another size than its header says";
  if (packet.size() > mtu_ && offload.gso_size == 0) return "a packet larger than the MTU";
  if (offload.gso_size > 0 && !device_cuts_) return "a packet for a device that cuts, though its own does not";
  if (datagram->header.protocol == wire::protocol_icmp) {
    const auto message = wire::parse_icmp(datagram->payload);
    return message ? std::string{} : "a bad ICMP message: " + std::string(to_string(message.error()));
  }
  if (datagram->header.protocol != wire::protocol_tcp) return "a packet of a protocol that it does not speak";
  test::Packet finished;
  Bytes to_check = packet;
  if (offload.checksum_partial) {
    finished.assign(packet.begin(), packet.end());
    test::finish_checksum(finished);
    to_check = finished;
  }
  const auto segment = wire::parse_segment(*wire::parse_ipv4(to_check));
  if (!segment) return "a bad segment: " + std::string(to_string(segment.error()));
  return check_segment(datagram->header, *segment, offload);
}

std::string Inspector::check_segment(const wire::Ipv4Header& ip, const wire::Segment& segment, Offload offload) {
  if (segment.syn() && (segment.fin() || segment.rst())) return "SYN together with FIN or RST";
  if (segment.rst()) {
    ++counts_.resets;
    return segment.text.empty() && !segment.fin() ? std::string{} : "RST with text or FIN";
  }
  if (!segment.syn() && !segment.has_ack()) return "a segment without ACK";
  if (segment.has_ack() && segment.length() == 0) ++counts_.bare_acks;
  Flow& flow = flows_[{{ip.source, segment.source_port}, {ip.destination, segment.destination_port}}];
  if (segment.syn() && (!flow.open || segment.seq != flow.iss || is_cookie_again(flow, segment))) begin(flow, segment);
  if (!segment.syn()) return_to_cookie(flow, segment);
  if (!flow.open) return "a segment of a connection that never sent a SYN";
  std::string wrong = learn_peer(flow, segment);
  if (wrong.empty()) wrong = check_options(flow, segment);
  if (wrong.empty()) wrong = check_acknowledgment(flow, segment);
  if (wrong.empty()) wrong = check_sequence(flow, segment);
  if (wrong.empty()) wrong = check_text(flow, segment);
  if (wrong.empty()) wrong = check_size(flow, segment, offload);
  return wrong;
}

// A SYN that comes late, when the connection it made is over, is answered like any other. The number in a cookie is the
// same as before then.
bool Inspector::is_cookie_again(Flow& flow, const wire::Segment& syn) {
  return std::exchange(flow.heard_syn, false) && syn.has_ack() && flow.ack && syn.ack < *flow.ack;
}

// A cookie is good although another SYN was answered since: whoever brings it back makes the connection.
void Inspector::return_to_cookie(Flow& flow, const wire::Segment& segment) {
  if (segment.seq - flow.iss <= flow.reach) return;
  const auto earlier = std::ranges::find(flow.answers, segment.seq - 1, &wire::Segment::seq);
  if (earlier == flow.answers.end() || !earlier->has_ack()) return;
  begin(flow, wire::Segment{*earlier});
  flow.reach = 1;
}

void Inspector::begin(Flow& flow, const wire::Segment& syn) {
  auto answers = flow.answers;
  if (flow.open) answers[flow.answer_count % answers.size()] = flow.syn;
  const std::size_t answer_count = flow.answer_count + 1;
  const auto heard = flow.heard;
  const std::size_t count = flow.heard_count;
  const auto end = syn.has_ack() ? std::nullopt : flow.end;
  flow = Flow{};
  flow.heard = heard;
  flow.heard_count = count;
  flow.answers = answers;
  flow.answer_count = answer_count;
  flow.end = end;
  flow.open = true;
  flow.iss = syn.seq;
  flow.syn = syn;
  flow.syn.text = {};
}

// The first acknowledgment says which of the SYNs that arrived the connection was made with: the latest that fits.
std::string Inspector::learn_peer(Flow& flow, const wire::Segment& segment) {
  if (flow.peer_known || !segment.has_ack()) return {};
  for (std::size_t back = 1; back <= flow.heard_syns().size(); ++back) {
    const HeardSyn& syn = flow.heard[flow.heard_count - back];
    if (segment.ack - syn.isn < 1 || segment.ack - syn.isn > syn.reach) continue;
    flow.peer_known = true;
    flow.peer = syn;
    return {};
  }
  return "an acknowledgment of a SYN that never arrived";
}

std::string Inspector::check_options(const Flow& flow, const wire::Segment& segment) {
  const wire::TcpOptions& options = segment.options;
  if (segment.syn()) return options.sack.empty() ? std::string{} : "SACK blocks in a SYN";
  if (options.mss || options.window_scale || options.sack_permitted) return "an option that belongs to SYN (MUST-65)";
  if (flow.syn.options.timestamps && flow.peer.options.timestamps && !options.timestamps) {
    return "no timestamps, though both SYNs had them";
  }
  if (options.sack.empty()) return {};
  if (!flow.peer.options.sack_permitted || !flow.syn.options.sack_permitted) return "SACK that was not agreed on";
  for (const wire::SackBlock& block : options.sack) {
    if (!(block.left < block.right)) return "an empty SACK block";
    // What lies before SEG.ACK reports a duplicate (RFC 2883), perhaps one of an earlier connection.
    const bool ahead = block.right > segment.ack;
    if (ahead && block.right - flow.peer.isn > flow.peer.reach) return "a SACK block beyond what has arrived";
  }
  return {};
}

std::string Inspector::check_acknowledgment(Flow& flow, const wire::Segment& segment) {
  if (segment.options.timestamps) {
    const std::uint32_t value = segment.options.timestamps->value;
    if (flow.timestamp && value - *flow.timestamp >= half_of_space) return "a timestamp that runs back";
    flow.timestamp = value;
  }
  if (!segment.has_ack()) return {};
  if (segment.ack - flow.peer.isn > flow.peer.reach) return "an acknowledgment of what never arrived";
  if (flow.ack && segment.ack < *flow.ack) return "an acknowledgment that goes back";
  flow.ack = segment.ack;
  // Scaling rounds the window down, which may take back less than one unit (RFC 7323 section 2.4).
  const std::uint32_t shift = shift_of(flow.syn.options, flow.peer.options, segment);
  const SeqNum edge = segment.ack + (std::uint32_t{segment.window} << shift);
  const bool clipped = segment.syn() && segment.window == 0xffff;  // not scaled, so it cannot say more
  if (!clipped && flow.right_edge && edge + ((1u << shift) - 1) < *flow.right_edge) {
    return "a right edge of the window that moves left (SHLD-14)";
  }
  flow.right_edge = flow.right_edge ? max(*flow.right_edge, edge) : edge;
  return {};
}

std::string Inspector::check_sequence(Flow& flow, const wire::Segment& segment) {
  const std::uint32_t offset = segment.seq - flow.iss;
  const std::uint32_t size = segment.length();
  // A probe repeats the octet before SND.UNA; for SND.UNA = ISS + 1 that is the SYN.
  if (offset > flow.reach) return "a segment that leaves a gap in sequence space";
  if (flow.fin && offset + size > *flow.fin + 1) return "something behind its FIN";
  if (segment.fin()) {
    const std::uint32_t fin = offset + size - 1;
    if (flow.fin && *flow.fin != fin) return "a FIN at another place than before";
    flow.fin = fin;
  }
  const SeqNum end = segment.seq + octets(segment);
  if (octets(segment) > 1 && flow.peer_right_edge && end > *flow.peer_right_edge)
    return "text beyond the peer's window";
  flow.reach = std::max(flow.reach, offset + size);
  return {};
}

std::string Inspector::check_text(const Flow& flow, const wire::Segment& segment) {
  if (segment.text.empty() || !flow.end) return {};
  if (segment.syn()) return "text in a SYN";
  const bool right = is_text_of(*flow.end, segment.seq - flow.iss - 1, segment.text);
  return right ? std::string{} : "text that its user did not write there";
}

std::string Inspector::check_size(const Flow& flow, const wire::Segment& segment, Offload offload) const {
  if (segment.text.empty()) return {};
  const std::uint32_t piece = offload.gso_size > 0 ? offload.gso_size : octets(segment);
  const auto options = static_cast<std::uint32_t>(wire::options_size(segment.options));
  // Why: an MSS of nothing but options makes no progress, so the stack takes small offers as this, and none at all for
  // an offer of nothing.
  constexpr std::uint32_t smallest_mss = 48;
  const std::uint32_t offered = flow.peer.options.mss.value_or(0);
  const std::uint32_t mss = offered == 0 ? default_mss : std::max(offered, smallest_mss);
  if (flow.peer_known && piece + options > mss) return "more text than the peer's MSS less the options (MUST-16)";
  if (piece + options + wire::tcp_header_size + wire::ipv4_header_size > mtu_) return "a packet larger than the MTU";
  return {};
}

// What the host is given ----------------------------------------------------------------------------------------------

void Inspector::received(Bytes packet, Offload offload, Instant now) {
  ++counts_.received;
  const auto datagram = wire::parse_ipv4(packet);
  if (!datagram || datagram->header.protocol != wire::protocol_tcp) return;
  if (!datagram->header.is_fragment()) return datagram_arrives(*datagram, offload);
  // Why 16: more than the host itself ever reassembles at a time, so what arrives there has arrived here.
  if (!reassembler_) reassembler_.emplace(16, std::pmr::get_default_resource());
  const auto whole = reassembler_->add(*datagram, now);
  if (whole && *whole) datagram_arrives(**whole, {});
}

void Inspector::cookie_taken(Bytes packet) {
  const auto datagram = wire::parse_ipv4(packet);
  if (!datagram || datagram->payload.size() < 4) return;
  const Endpoint local{datagram->header.destination, wire::load16(datagram->payload, 2)};
  Flow& flow = flows_[{local, {datagram->header.source, wire::load16(datagram->payload, 0)}}];
  flow.ack.reset();
  flow.right_edge.reset();
  flow.timestamp.reset();
  flow.fin.reset();
  flow.peer_known = false;
}

void Inspector::datagram_arrives(const wire::Ipv4Datagram& datagram, Offload offload) {
  const auto segment = wire::parse_segment(datagram, offload);
  if (!segment || segment->rst()) return;
  const wire::Ipv4Header& ip = datagram.header;
  Flow& flow = flows_[{{ip.destination, segment->destination_port}, {ip.source, segment->source_port}}];
  if (segment->syn()) hear_syn(flow, *segment);
  const auto stretch = [&](HeardSyn& syn) {
    const std::uint32_t reach = segment->seq + segment->length() - syn.isn;
    if (reach < half_of_space) syn.reach = std::max(syn.reach, reach);
  };
  std::ranges::for_each(flow.heard_syns(), stretch);
  stretch(flow.peer);
  note_offered_window(flow, *segment);
}

// A retransmitted SYN is the same but for its clock; another one may have its number by chance, or by ill will. The one
// that came last is the last heard, though it was heard before.
bool Inspector::offers_the_same(const wire::TcpOptions& a, const wire::TcpOptions& b) {
  return a.mss == b.mss && a.window_scale == b.window_scale && a.sack_permitted == b.sack_permitted &&
         a.timestamps.has_value() == b.timestamps.has_value();
}

void Inspector::hear_syn(Flow& flow, const wire::Segment& segment) {
  flow.heard_syn = true;
  const auto syns = flow.heard_syns();
  const auto known = std::ranges::find_if(syns, [&](const HeardSyn& syn) {
    return syn.isn == segment.seq && offers_the_same(syn.options, segment.options);
  });
  if (known != syns.end()) {
    std::rotate(known, known + 1, syns.end());
    return;
  }
  if (flow.heard_count == flow.heard.size()) {
    std::ranges::rotate(flow.heard, flow.heard.begin() + 1);
  } else {
    ++flow.heard_count;
  }
  flow.heard[flow.heard_count - 1] = {segment.seq, 1, segment.options};
}

// Which SYN the peer's window is scaled by is not known before we have answered it: the largest scale is taken then.
void Inspector::note_offered_window(Flow& flow, const wire::Segment& segment) {
  if (!segment.has_ack() || !flow.open || segment.ack - flow.iss > flow.reach) return;
  std::uint32_t shift = 0;
  if (flow.peer_known) {
    shift = shift_of(flow.peer.options, flow.syn.options, segment);
  } else {
    for (const HeardSyn& syn : flow.heard_syns())
      shift = std::max(shift, shift_of(syn.options, flow.syn.options, segment));
  }
  const SeqNum edge = segment.ack + (std::uint32_t{segment.window} << shift);
  flow.peer_right_edge = flow.peer_right_edge ? max(*flow.peer_right_edge, edge) : edge;
}

}  // namespace backstop::simulation
