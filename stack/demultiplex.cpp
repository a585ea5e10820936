// Packets in: checked, reassembled, and given to the connection, the listener or the tap that they belong to
// (RFC 9293 sections 3.10.7.1 and 3.10.7.2; RFC 1122 section 3.2.1). Who is asked first: connections, then the listener
// on exactly this address and port, then the one on every address, then a tap that suppresses RSTs.
#include <algorithm>

#include "stack/core.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/reset.hpp"
#include "stack/tcp/segment_arrives.hpp"

namespace backstop {
namespace {

// RFC 3168 section 5: "congestion experienced".
bool is_marked(const wire::Ipv4Header& header) { return (header.tos & 3) == 3; }

}  // namespace

void Core::receive(const InboundPacket& packet, Instant now) {
  now_ = now;
  ++statistics_.packets_received;
  if (plain_segment_arrives(packet, now)) return;
  const auto datagram = wire::parse_ipv4(packet.bytes);
  if (!datagram) return drop(datagram.error());
  if (const auto bad = check_addresses(datagram->header)) return drop(*bad);
  if (!datagram->header.is_fragment()) return datagram_arrives(*datagram, packet.offload, now);

  const auto whole = reassembler_.add(*datagram, now);
  statistics_.drops[static_cast<std::size_t>(Drop::fragment_no_room)] += reassembler_.take_evicted();
  if (!whole) return drop(whole.error());
  if (!*whole) return;
  if (may_be_of_another_stack(**whole)) return drop(Drop::fragments_of_nobody);
  datagram_arrives(**whole, {}, now);
}

bool Core::may_be_of_another_stack(const wire::Ipv4Datagram& datagram) {
  if (config_.has_all_flows || datagram.header.protocol != wire::protocol_tcp) return false;
  const auto segment = wire::parse_segment(datagram);
  return segment && find_slot(tuple_of(datagram.header, *segment)) == none;
}

// The short way of nearly all segments. The addresses of a connection were judged when it was opened; only taps that
// look at segments want to hear more of one than this reads. Returns false when it is to be read and judged in general.
bool Core::plain_segment_arrives(const InboundPacket& packet, Instant now) {
  if (watching_taps_ > 0) return false;
  auto plain = wire::parse_plain_segment(packet.bytes);
  if (!plain) return false;
  const std::uint32_t index = find_slot(plain->tuple);
  if (index == none) return false;
  const bool is_verified = packet.offload.checksum_partial;
  if (tcp::is_expected(slots_[index].tcb, *plain, environment_) && !must_wait(slots_[index], plain->flags)) {
    expected_segment_arrives(index, *plain, is_verified, now);
    return true;
  }
  if (!is_verified && !plain->checksum_is_right()) {
    drop(Drop::tcp_bad_checksum);
    return true;
  }
  ++statistics_.segments_received;
  return connection_takes(index, plain->segment(), plain->congestion_experienced, now);
}

// Header prediction: its text is read once, summed while it is copied to where it belongs. A wrong sum is noticed
// before anything has come of it.
void Core::expected_segment_arrives(std::uint32_t index, wire::PlainSegment& segment, bool is_verified, Instant now) {
  if (!tcp::expected_segment_arrives(slots_[index].tcb, segment, is_verified, environment_, now)) {
    return drop(Drop::tcp_bad_checksum);
  }
  ++statistics_.segments_received;
  if (is_verified && segment.text.size() >= long_text) note_long_text(index, segment.stamped);
  settle_slot(index);
}

// RFC 1122 section 3.2.1.3: no source may be a group, a broadcast or a network; nobody else may speak from our address.
std::optional<Drop> Core::check_addresses(const wire::Ipv4Header& header) const {
  const Ipv4Address source = header.source;
  const bool unusable = source.is_this_network() || source.is_loopback() || source.is_multicast() ||
                        source.is_reserved() || is_broadcast(source) || source == config_.address;
  if (unusable || source == header.destination) return Drop::ip_bad_source;
  return is_ours(header.destination) ? std::nullopt : std::optional{Drop::ip_not_for_us};
}

bool Core::is_broadcast(Ipv4Address address) const {
  if (address.is_limited_broadcast()) return true;
  if (config_.prefix >= 31) return false;  // RFC 3021: no broadcast address on such links
  const std::uint32_t host = 0xffff'ffffu >> config_.prefix;
  return (address.value | host) == address.value && (address.value ^ config_.address.value) <= host;
}

bool Core::is_ours(Ipv4Address address) const {
  if (address == config_.address) return true;
  return config_.any_ip && !address.is_this_network() && !address.is_loopback() && !address.is_multicast() &&
         !address.is_reserved() && !is_broadcast(address);
}

void Core::datagram_arrives(const wire::Ipv4Datagram& datagram, Offload offload, Instant now) {
  switch (datagram.header.protocol) {
    case wire::protocol_tcp:
      return segment_arrives(datagram, offload, now);
    case wire::protocol_icmp:
      return icmp_arrives(datagram, now);
    case wire::protocol_udp:
      return udp_arrives(datagram, offload);
    default:
      drop(Drop::ip_unknown_protocol);
      return send_unreachable(wire::UnreachableCode::protocol, datagram.whole);
  }
}

void Core::segment_arrives(const wire::Ipv4Datagram& datagram, Offload offload, Instant now) {
  const auto segment = wire::parse_segment(datagram, offload);
  if (!segment) return drop(segment.error());
  ++statistics_.segments_received;
  show_to_taps(datagram.header, *segment, now);
  const FourTuple tuple = tuple_of(datagram.header, *segment);
  if (connection_takes(datagram.header, *segment, now)) return;
  if (segment->rst()) return reset_of_nobody(tuple, segment->seq, now);
  if (const std::uint32_t listener = find_listener(tuple.local); listener != none) {
    return listener_takes(listener, datagram.header, *segment, now);
  }
  nobody_takes(datagram.header, *segment, now);
}

void Core::show_to_taps(const wire::Ipv4Header& header, const wire::Segment& segment, Instant now) {
  if (watching_taps_ == 0) return;
  call_taps([&](TapCallbacks& tap) {
    if (tap.segment) tap.segment(header, segment, now);
  });
}

template <class Call>
void Core::call_taps(Call call) {
  ++tap_depth_;
  for (std::size_t i = 0; i < taps_.size(); ++i) {
    if (taps_[i].in_use) call(taps_[i].callbacks);
  }
  if (--tap_depth_ == 0 && taps_to_forget_) forget_detached_taps();
}

bool Core::connection_takes(const wire::Ipv4Header& header, const wire::Segment& segment, Instant now) {
  const std::uint32_t index = find_slot(tuple_of(header, segment));
  return index != none && connection_takes(index, segment, is_marked(header), now);
}

// Returns false when the connection has made way for a new one.
bool Core::connection_takes(std::uint32_t index, const wire::Segment& segment, bool congestion_experienced,
                            Instant now) {
  if (must_wait(slots_[index], segment.flags)) {
    drop(Drop::tcp_backlog_full);
    return true;
  }
  tcp::Tcb& tcb = slots_[index].tcb;
  if (tcp::may_reopen(tcb, segment, environment_)) {
    tcp::finish(tcb, environment_);
    retire(index);
    return false;
  }
  if (const auto answer = tcp::segment_arrives(tcb, segment, congestion_experienced, environment_, now)) {
    reply(tcb.tuple, *answer, environment_.options(tcb));
  }
  settle_slot(index);
  return true;
}

// Nobody may become established while as many as may wait for accept() do. The peer hears SYN,ACK again.
bool Core::must_wait(const Slot& slot, wire::Flags flags) const {
  return slot.is_half_open && slot.listener != none && listeners_[slot.listener].is_full() &&
         flags.has(wire::Flag::ack) && !flags.has(wire::Flag::rst);
}

// First of both LISTEN and CLOSED: nobody answers a RST.
void Core::reset_of_nobody(const FourTuple& tuple, SeqNum seq, Instant now) {
  call_taps([&](TapCallbacks& tap) {
    if (tap.unmatched_reset) tap.unmatched_reset(tuple, seq, now);
  });
}

// LISTEN (section 3.10.7.2).
void Core::listener_takes(std::uint32_t index, const wire::Ipv4Header& header, const wire::Segment& segment,
                          Instant now) {
  if (segment.has_ack()) {
    if (!listener_takes_cookie(index, header, segment, now)) reply_with_reset(tuple_of(header, segment), segment);
    return;
  }
  if (!segment.syn()) return drop(Drop::tcp_listen_neither);
  if (segment.fin() && !config_.accept_syn_fin) return drop(Drop::tcp_bad_flags);
  listener_takes_syn(index, tuple_of(header, segment), segment, now);
}

void Core::listener_takes_syn(std::uint32_t index, const FourTuple& tuple, const wire::Segment& syn, Instant now) {
  const ListenerSlot& listener = listeners_[index];
  if (listener.is_full()) return drop(Drop::tcp_backlog_full);
  if (wants_cookie(listener)) return send_cookie(tuple, listener.options, syn, now);
  const std::uint32_t child = open_passive(tuple, listener.options, syn, now);
  if (child == none) return;
  adopt(index, child);
  push_ready(child);  // its SYN,ACK is all that there is to do
}

// CLOSED (section 3.10.7.1), or a SYN whose fate a tap decides.
[[gnu::noinline]] void Core::nobody_takes(const wire::Ipv4Header& header, const wire::Segment& segment, Instant now) {
  const bool plain_syn = segment.syn() && !segment.has_ack();
  if (plain_syn && segment.fin()) return drop(Drop::tcp_bad_flags);
  if (plain_syn) {
    ++statistics_.unmatched_syns;
    if (TapSlot* tap = suppressing_tap()) return ask(*tap, describe(header, segment, now), segment, now);
  }
  if (tap_takes_cookie(header, segment, now)) return;
  reply_with_reset(tuple_of(header, segment), segment);
}

void Core::ask(TapSlot& tap, const SynInfo& syn, const wire::Segment& segment, Instant now) {
  syn_in_hand_ = &segment;
  ++tap_depth_;
  tap.callbacks.unmatched_syn(syn, now);
  if (--tap_depth_ == 0 && taps_to_forget_) forget_detached_taps();
  syn_in_hand_ = nullptr;
}

Core::TapSlot* Core::suppressing_tap() {
  const auto suppresses = [](const TapSlot& tap) {
    return tap.in_use && tap.flags.suppress_rst && tap.callbacks.unmatched_syn;
  };
  const auto tap = std::find_if(taps_.begin(), taps_.end(), suppresses);
  return tap == taps_.end() ? nullptr : &*tap;
}

// A tap that was detached by its own callback is destroyed when no callback runs any more.
void Core::forget_detached_taps() {
  taps_to_forget_ = false;
  for (TapSlot& tap : taps_) {
    if (tap.in_use || !tap.callbacks.any()) continue;
    if (tap.callbacks.segment) --watching_taps_;
    tap.callbacks = {};
  }
}

std::uint32_t Core::find_listener(Endpoint local) const {
  const std::uint32_t exact = find_exact_listener(local);
  return exact != none ? exact : find_exact_listener({{}, local.port});
}

std::uint32_t Core::find_exact_listener(Endpoint local) const {
  std::uint32_t index = listener_buckets_[listener_bucket(local.port)];
  while (index != none && listeners_[index].local != local) index = listeners_[index].next_in_bucket;
  return index;
}

void Core::reply(const FourTuple& tuple, const wire::Segment& segment, const ConnectionOptions& options) {
  if (!replies_.push({tuple, segment, options.ttl, options.dscp})) drop(Drop::reply_queue_full);
}

// What answers a segment that belongs to no connection, as often as the limit allows.
void Core::reply_with_reset(const FourTuple& tuple, const wire::Segment& segment) {
  const auto reset = tcp::reset_for(segment);
  if (!reset) return;
  if (!reset_limiter_.allow(now_)) return drop(Drop::reply_rate_limited);
  reply(tuple, *reset, config_.tcp);
}

}  // namespace backstop
