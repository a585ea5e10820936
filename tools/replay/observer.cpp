#include "tools/replay/observer.hpp"

#include <algorithm>

namespace backstop::replay {
namespace {

std::string describe_opening(Opening opening) {
  switch (opening) {
    case Opening::unanswered:
      return "unanswered";
    case Opening::refused:
      return "refused";
    case Opening::half_open:
      return "half-open";
    case Opening::established:
      break;
  }
  return "established";
}

std::string describe_closing(const Outcome& outcome) {
  const auto name = [](Side side) { return side == Side::host ? std::string("the host") : std::string("the peer"); };
  std::string text;
  if (outcome.first_fin == Side::both) {
    text = ", closed by both at once";
  } else if (outcome.first_fin != Side::nobody) {
    text = ", closed by " + name(outcome.first_fin);
    if (outcome.both_fins) text += " and then by " + name(outcome.first_fin == Side::host ? Side::peer : Side::host);
  }
  if (outcome.reset_by != Side::nobody) text += ", reset by " + name(outcome.reset_by);
  return text;
}

}  // namespace

std::string to_string(const Outcome& outcome) {
  std::string text = describe_opening(outcome.opening);
  if (outcome.opening == Opening::established) {
    text += ", received " + std::to_string(outcome.received) + ", sent " + std::to_string(outcome.sent);
  }
  return text + describe_closing(outcome) + ", " + std::string(backstop::to_string(outcome.state));
}

void Observer::Stream::see(const wire::Segment& segment) {
  if (segment.syn() && (!origin || acked == 0)) origin = StreamOrigin(segment.seq);
  if (!origin || segment.rst()) return;
  const Offset begin = origin->offset_of(segment.seq);
  const Offset end = begin + static_cast<Offset>(segment.length());
  if (segment.fin()) fin = end - 1;
  edge = std::max(edge, end);
  origin->advance(end);
}

void Observer::Stream::acknowledge(SeqNum ack) {
  if (!origin) return;
  const Offset offset = origin->offset_of(ack);
  if (offset <= edge) acked = std::max(acked, offset);
}

std::uint64_t Observer::Stream::acked_text() const {
  const Offset text_end = fin ? std::min(acked, *fin) : acked;
  return static_cast<std::uint64_t>(std::max<Offset>(text_end - 1, 0));
}

void Observer::inbound(const wire::Segment& segment) {
  if (segment.rst()) {
    // RFC 5961 section 3: a RST counts when it stands exactly where the host expects the next octet.
    const bool refuses = host_.origin && !established() && segment.has_ack() &&
                         host_.origin->offset_of(segment.ack) == host_.edge && !peer_.origin;
    const bool exact = peer_.origin && (peer_.origin->offset_of(segment.seq) == peer_.acked ||
                                        peer_.origin->offset_of(segment.seq) == peer_.edge);
    if (refuses) refused_ = true;
    if ((refuses || exact) && !over() && reset_by_ == Side::nobody) reset_by_ = Side::peer;
    return;
  }
  const bool had_fin = peer_.fin.has_value();
  peer_.see(segment);
  if (segment.has_ack()) host_.acknowledge(segment.ack);
  if (segment.fin() && !had_fin) peer_closed_first_ = !host_.fin_acked();
}

void Observer::outbound(const wire::Segment& segment) {
  if (segment.rst()) {
    has_disowned_ = true;
    const bool refuses =
        !host_.origin && peer_.origin && segment.has_ack() && peer_.origin->offset_of(segment.ack) == peer_.edge;
    const bool ends = host_.origin && host_.origin->offset_of(segment.seq) == host_.edge;
    if (refuses) refused_ = true;
    if ((refuses || ends) && !over() && reset_by_ == Side::nobody) reset_by_ = Side::host;
    return;
  }
  const bool had_fin = host_.fin.has_value();
  host_.see(segment);
  if (segment.has_ack() && peer_.origin) {
    peer_.acknowledge(segment.ack);
    acks_.see(peer_.origin->offset_of(segment.ack), segment.options.sack, *peer_.origin, peer_.fin);
  }
  if (segment.fin() && !had_fin) host_closed_first_ = !peer_.fin_acked();
}

void Observer::acknowledge(Offset edge) {
  wire::Segment ack;
  ack.flags = wire::Flag::ack;
  ack.seq = host_.origin->seq_of(host_.edge);
  ack.ack = peer_.origin->seq_of(edge);
  outbound(ack);
}

Opening Observer::opening() const {
  if (established()) return Opening::established;
  if (refused_) return Opening::refused;
  return host_.origin && peer_.origin ? Opening::half_open : Opening::unanswered;
}

Side Observer::first_fin() const {
  if (host_closed_first_) return peer_closed_first_ && peer_.fin_acked() ? Side::both : Side::host;
  return peer_closed_first_ ? Side::peer : Side::nobody;
}

State Observer::state() const {
  if (refused_ || reset_by_ != Side::nobody) return State::closed;
  if (!host_.origin) return State::listen;
  if (!peer_.origin) return State::syn_sent;
  if (!established()) return State::syn_received;
  return state_after_fins();
}

// RFC 9293 figure 5, from ESTABLISHED on. A FIN counts as received once the host has acknowledged it.
State Observer::state_after_fins() const {
  const bool received = peer_.fin_acked();
  if (!host_.fin) return received ? State::close_wait : State::established;
  if (!received) return host_.fin_acked() ? State::fin_wait_2 : State::fin_wait_1;
  if (host_closed_first_) return host_.fin_acked() ? State::time_wait : State::closing;
  return host_.fin_acked() ? State::closed : State::last_ack;
}

Outcome Observer::outcome() const {
  return {.opening = opening(),
          .received = peer_.acked_text(),
          .sent = host_.acked_text(),
          .first_fin = first_fin(),
          .both_fins = host_.fin && peer_.fin_acked(),
          .reset_by = reset_by_,
          .state = state()};
}

}  // namespace backstop::replay
