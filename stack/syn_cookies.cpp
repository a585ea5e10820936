// SYN cookies (RFC 4987 section 3.6). Above a limit on half-open connections a SYN is answered and forgotten: its
// SYN,ACK is sent once, and the acknowledgment that brings the cookie back makes the connection. So a flood of SYNs
// takes no memory, and whoever is really there is served on the first SYN still. Read next: tcp/syn_cookie.hpp, what is
// in a cookie.
#include "stack/core.hpp"
#include "stack/tcp/output.hpp"
#include "stack/tcp/segment_arrives.hpp"
#include "stack/tcp/syn_cookie.hpp"

namespace backstop {

bool Core::wants_cookie(const ListenerSlot& listener) const {
  return half_open_ >= config_.syn_cookies_from || listener.half_open >= listener.backlog;
}

void Core::send_cookie(const FourTuple& tuple, tcp::OptionSetId options, const wire::Segment& syn, Instant now) {
  const wire::Segment kept = tcp::abridge(syn);
  tcp::Tcb tcb;  // for its SYN,ACK only
  tcb.options = options;
  const ConnectionOptions& ours = environment_.options(tcb);
  const SeqNum isn = tcp::cookie_isn(config_.secret, tuple, ours.receive_buffer, kept, now);
  tcp::open_passively(tcb, tuple, isn, choose_numbers(tuple, {}, now).timestamp_offset, kept, environment_, now);
  tcb.rcv.wnd = tcp::cookie_window(ours.receive_buffer);
  wire::Segment syn_ack = tcp::make_syn(tcb, environment_, now);
  if (syn_ack.options.timestamps) {
    syn_ack.options.timestamps->value = tcp::cookie_timestamp(kept, syn_ack.options.timestamps->value);
  }
  ++statistics_.syn_cookies_sent;
  cookies_until_ = now + 2 * tcp::cookie_period;
  reply(tuple, syn_ack, ours);
}

// Only while some are out: whoever guesses must not find the door open all the time.
std::optional<wire::Segment> Core::take_cookie(const FourTuple& tuple, tcp::OptionSetId options,
                                               const wire::Segment& ack, Instant now) {
  if (now >= cookies_until_ || !ack.has_ack() || ack.syn() || ack.rst()) return std::nullopt;
  auto syn = tcp::syn_of_cookie(config_.secret, tuple, option_sets_[options].receive_buffer, ack, now);
  ++(syn ? statistics_.syn_cookies_taken : statistics_.syn_cookies_failed);
  return syn;
}

std::uint32_t Core::open_by_cookie(const FourTuple& tuple, tcp::OptionSetId options, const wire::Segment& syn,
                                   const wire::Segment& ack, Instant now) {
  const std::uint32_t index = open_passive(tuple, options, syn, now, {.isn = ack.ack - 1});
  if (index == none) return none;
  tcp::Tcb& tcb = slots_[index].tcb;
  tcb.rcv.wnd = tcp::cookie_window(environment_.options(tcb).receive_buffer);
  tcp::complete_by_cookie(tcb, ack, environment_, now);
  return index;
}

bool Core::listener_takes_cookie(std::uint32_t listener, const wire::Ipv4Header& header, const wire::Segment& ack,
                                 Instant now) {
  const FourTuple tuple = tuple_of(header, ack);
  const tcp::OptionSetId options = listeners_[listener].options;
  const auto syn = take_cookie(tuple, options, ack, now);
  if (!syn) return false;
  if (listeners_[listener].is_full()) {
    drop(Drop::tcp_backlog_full);
    return true;
  }
  const std::uint32_t child = open_by_cookie(tuple, options, *syn, ack, now);
  if (child == none) return true;
  adopt(listener, child);
  settle_slot(child);
  return connection_takes(header, ack, now);  // its text, and its FIN
}

// The tap's owner decides about the SYN, as it is remembered; whoever was accepted takes the segment itself.
bool Core::tap_takes_cookie(const wire::Ipv4Header& header, const wire::Segment& ack, Instant now) {
  TapSlot* const tap = suppressing_tap();
  if (tap == nullptr) return false;
  const auto syn = take_cookie(tuple_of(header, ack), tcp::default_options, ack, now);
  if (!syn) return false;
  SynInfo info = describe(header, *syn, now);
  info.window = ack.window;
  info.cookie = ack.ack - 1;
  ask(*tap, info, ack, now);
  (void)connection_takes(header, ack, now);
  return true;
}

}  // namespace backstop
