#include "stack/tcp/segment_arrives.hpp"

#include <algorithm>

#include "stack/tcp/acknowledgment.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/output.hpp"
#include "stack/tcp/reset.hpp"
#include "stack/tcp/timeouts.hpp"

namespace backstop::tcp {
namespace {

using Reply = std::optional<wire::Segment>;

// Why: an acknowledgment of an unacceptable segment may draw another one from a confused peer; twice a second is enough
// for an honest one to find out where it stands, and ends such a war. It is also the limit of RFC 5961 section 7, kept
// for each connection by itself: an attacker who could use up a limit that connections share would learn from his own
// connection which of his guesses at another one were answered (CVE-2016-5696).
constexpr Duration challenge_interval = std::chrono::milliseconds{500};
// RFC 7323 section 5.5: after this long without a word, an old TS.Recent proves nothing.
constexpr Duration ts_recent_lifetime = std::chrono::hours{24 * 24};

std::uint8_t scale_for(std::uint32_t buffer) {
  std::uint8_t scale = 0;
  while (scale < wire::largest_window_scale && (0xffffu << scale) < buffer) ++scale;
  return scale;
}

bool is_before(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) < 0; }

// What both SYNs offer is used (RFC 7323 section 2.2 and 3.2, RFC 2018 section 2).
void negotiate(Tcb& tcb, const wire::Segment& syn, Instant now) {
  const wire::TcpOptions& options = syn.options;
  tcb.timestamps = tcb.timestamps && options.timestamps.has_value();
  tcb.selective_acks = tcb.selective_acks && options.sack_permitted;
  tcb.window_scaling = tcb.window_scaling && options.window_scale.has_value();
  if (!tcb.window_scaling) tcb.rcv.scale = 0;
  tcb.snd.scale = tcb.window_scaling ? std::min(*options.window_scale, wire::largest_window_scale) : std::uint8_t{0};
  // Why 48: an MSS of nothing but options would never make progress; smaller offers are taken as this (MUST-16).
  if (options.mss && *options.mss != 0) tcb.peer_mss = std::max<std::uint16_t>(*options.mss, 48);
  if (tcb.timestamps) {
    tcb.ts_recent = options.timestamps->value;
    tcb.ts_recent_at = now;
  }
}

[[gnu::noinline]] void note_peer_syn(Tcb& tcb, const wire::Segment& syn, Instant now) {
  tcb.rcv.irs = syn.seq;
  tcb.rcv.nxt = syn.seq + 1;
  tcb.rcv.acked = tcb.rcv.irs;
  tcb.receive_queue.start(tcb.rcv.nxt);
  negotiate(tcb, syn, now);
}

// What is left when the SYN has been dealt with. On it ECE is part of an offer (RFC 3168 section 6.1.1), no echo.
void take_syn_off(wire::Segment& segment) {
  segment.flags.clear(wire::Flag::syn);
  segment.flags.clear(wire::Flag::ece);
  ++segment.seq;
}

// The window in a SYN is never scaled. `seq` is behind the SYN.
void set_window_from_syn(Tcb& tcb, SeqNum seq, SeqNum ack, std::uint16_t window) {
  tcb.snd.wnd = tcb.snd.max_wnd = window;
  tcb.snd.wl1 = seq;
  tcb.snd.wl2 = ack;
}

void note_heard(Tcb& tcb, Instant now) {
  ++tcb.segments_received;
  tcb.heard_at = now;
  tcb.keep_alive_probes = 0;
}

// RFC 7323 section 4.3: from a segment that spans what was last acknowledged.
void remember_timestamp(Tcb& tcb, SeqNum seq, const std::optional<wire::Timestamps>& timestamps, Instant now) {
  if (!tcb.timestamps || !timestamps || seq > tcb.rcv.acked || is_before(timestamps->value, tcb.ts_recent)) return;
  tcb.ts_recent = timestamps->value;
  tcb.ts_recent_at = now;
}

// RFC 9293 section 3.8.6.3: at once for every second full segment, a filled hole, and a young connection.
void owe_acknowledgment(Tcb& tcb, const Environment& env, bool filled_hole, Instant now) {
  const std::uint32_t unacknowledged = tcb.rcv.nxt - tcb.rcv.acked;
  const bool quick = tcb.quick_acks > 0;
  if (quick) --tcb.quick_acks;
  if (filled_hole || quick || unacknowledged >= 2 * tcb.mss()) {
    tcb.ack_owed = AckOwed::now;
  } else if (tcb.ack_owed == AckOwed::no) {
    tcb.ack_owed = AckOwed::delayed;
    tcb.delayed_ack_at = now + env.parameters.delayed_ack;
  }
}

/// `arrived` more octets are in order.
void advance(Tcb& tcb, Environment& env, std::uint32_t arrived, bool filled_hole, Instant now) {
  tcb.rcv.nxt += arrived;
  tcb.rcv.wnd -= std::min(tcb.rcv.wnd, arrived);
  tcb.bytes_received += arrived;
  env.counters.bytes_received += arrived;
  tcb.news.readable = true;
  owe_acknowledgment(tcb, env, filled_hole, now);
}

// Our FIN is acknowledged. Returns whether there is a connection left.
bool after_our_fin(Tcb& tcb, Environment& env, Instant now) {
  switch (tcb.state) {
    case State::fin_wait_1:
      tcb.enter(State::fin_wait_2);
      watch_idle(tcb, env, now);
      return true;
    case State::closing:
      enter_time_wait(tcb, env, now);
      return true;
    case State::last_ack:
      finish(tcb, env);
      return false;
    default:
      return true;
  }
}

/// The peer's FIN is the next in order.
void receive_fin(Tcb& tcb, Environment& env, Instant now) {
  tcb.fin_received = true;
  ++tcb.rcv.nxt;
  tcb.rcv.wnd -= std::min(tcb.rcv.wnd, 1u);
  tcb.news.readable = true;
  tcb.ack_owed = AckOwed::now;
  switch (tcb.state) {
    case State::established:
      tcb.enter(State::close_wait);
      break;
    case State::fin_wait_1:  // had our FIN been acknowledged, the fifth step would have moved on
      tcb.enter(State::closing);
      break;
    case State::fin_wait_2:
      enter_time_wait(tcb, env, now);
      break;
    default:
      break;
  }
}

/// One segment's way through section 3.10.7.4. A step returns whether the next one is to be taken.
class SegmentArrives {
 public:
  SegmentArrives(Tcb& tcb, const wire::Segment& segment, bool congestion_experienced, Environment& env, Instant now)
      : tcb_(tcb),
        seg_(segment),
        arrived_seq_(segment.seq),
        congestion_experienced_(congestion_experienced),
        env_(env),
        now_(now) {}

  Reply process() {
    (void)(first_check_sequence_number() && second_check_rst_bit() && fourth_check_syn_bit() &&
           fifth_check_ack_field() && sixth_check_urg_bit() && seventh_process_segment_text() &&
           eighth_check_fin_bit());
    return reply_;
  }

  Reply process_in_syn_sent() {
    (void)(syn_sent_first_check_ack_bit() && syn_sent_second_check_rst_bit() && syn_sent_fourth_check_syn_bit() &&
           sixth_check_urg_bit() && seventh_process_segment_text() && eighth_check_fin_bit());
    return reply_;
  }

 private:
  // --- The eight steps.

  bool first_check_sequence_number() {
    if (tcb_.state == State::syn_received && seg_.syn() && seg_.seq == tcb_.rcv.irs && !peer_syn_again()) return false;
    if (!passes_paws()) return answer_unacceptable();
    if (!is_acceptable()) return answer_unacceptable();
    remember_timestamp(tcb_, seg_.seq, seg_.options.timestamps, now_);
    trim_left();
    trim_right();
    return true;
  }

  bool second_check_rst_bit() {
    if (!seg_.rst()) return true;
    if (tcb_.state == State::time_wait && env_.parameters.time_wait_ignores_reset) return false;
    // RFC 5961 section 3.2: only the exact number resets.
    if (arrived_seq_ != tcb_.rcv.nxt) return challenge();
    ++env_.counters.resets_received;
    switch (tcb_.state) {
      case State::syn_received:
        if (tcb_.passive) {
          fail(tcb_, env_, Error::connection_reset);
        } else {
          fail(tcb_, env_, Error::connection_refused);
        }
        break;
      case State::closing:
      case State::last_ack:
      case State::time_wait:
        finish(tcb_, env_);
        break;
      default:
        fail(tcb_, env_, Error::connection_reset);
    }
    return false;
  }

  // RFC 5961 section 4.2: a SYN on a synchronized connection, wherever it lies, is challenged.
  bool fourth_check_syn_bit() {
    if (!seg_.syn()) return true;
    if (tcb_.state != State::syn_received || !tcb_.passive) return challenge();
    fail(tcb_, env_, Error::connection_reset);  // back to LISTEN, which is another slot's business
    return false;
  }

  bool fifth_check_ack_field() {
    if (!seg_.has_ack()) return false;
    if (tcb_.state == State::syn_received && !complete_handshake()) return false;
    // RFC 5961 section 5.2: an honest acknowledgment lies in this range.
    if (seg_.ack > tcb_.snd.nxt || seg_.ack < tcb_.snd.una - tcb_.snd.max_wnd) return challenge();
    process_acknowledgment(tcb_, seg_, env_, now_);
    if (had_syn_) set_window_from_syn(tcb_, seg_.seq, seg_.ack, seg_.window);
    return !tcb_.fin_acked || after_our_fin(tcb_, env_, now_);
  }

  bool sixth_check_urg_bit() {
    if (!seg_.urg() || tcb_.fin_received) return true;
    // RFC 6093 section 3: the pointer is to the octet behind the urgent ones (MUST-62).
    const SeqNum up = arrived_seq_ + seg_.urgent_pointer;
    if (up <= tcb_.receive_queue.front() || (tcb_.urgent && up <= tcb_.rcv.up)) return true;
    tcb_.rcv.up = up;
    tcb_.urgent = true;
    tcb_.news.urgent = true;  // MUST-32
    return true;
  }

  bool seventh_process_segment_text() {
    if (tcb_.fin_received || !may_receive()) return true;
    if (reaches_beyond_window_) tcb_.ack_owed = AckOwed::now;  // the peer must hear where the window ends
    if (seg_.text.empty()) return true;
    if (!tcb_.attached && tcb_.ever_established) return refuse_text_after_close();
    note_congestion();
    return accept_text();
  }

  bool eighth_check_fin_bit() {
    if (seg_.fin()) {
      tcb_.fin_known = true;
      tcb_.rcv.fin = seg_.seq + static_cast<std::uint32_t>(seg_.text.size());
    }
    if (!tcb_.fin_known || tcb_.fin_received) return true;
    if (tcb_.rcv.nxt == tcb_.rcv.fin) {
      receive_fin(tcb_, env_, now_);
    } else if (seg_.fin() && seg_.text.empty()) {
      reply_ = reply_with_ack();  // behind a hole, like text out of order
    }
    return true;
  }

  // --- First step, in parts.

  // The peer's SYN again. Alone it was retransmitted: so do we with our SYN,ACK. With an ACK it is the other half of a
  // simultaneous open (Figure 8), and what is left of it behind the SYN is processed.
  [[gnu::cold]] bool peer_syn_again() {
    if (!seg_.has_ack()) {
      tcb_.flight->sent.mark_all_lost(env_.sent);
      return false;
    }
    take_syn_off(seg_);
    arrived_seq_ = seg_.seq;
    had_syn_ = true;
    return true;
  }

  // RFC 7323 section 5.3 R1: an older timestamp belongs to an old duplicate.
  bool passes_paws() {
    if (!tcb_.timestamps || !seg_.options.timestamps || seg_.rst()) return true;
    if (!is_before(seg_.options.timestamps->value, tcb_.ts_recent)) return true;
    if (now_ - tcb_.ts_recent_at > ts_recent_lifetime) return true;
    ++env_.counters.paws_rejected;
    return false;
  }

  // The four cases of Table 6, and the allowance for a closed window: at its edge ACK, URG and RST still count
  // (MUST-66). Deviation: an empty segment at the right edge is acceptable too. A peer that has filled our window while
  // its first segment was lost has no other number for its acknowledgments, and they must not be lost with it.
  [[nodiscard]] bool is_acceptable() const {
    if (seg_.length() == 0) return is_in_window(seg_.seq) || (seg_.seq == right_edge() && may_stand_at_edge());
    if (tcb_.rcv.wnd == 0) return seg_.seq == tcb_.rcv.nxt;
    return is_in_window(seg_.seq) || is_in_window(seg_.seq + seg_.length() - 1);
  }

  [[nodiscard]] SeqNum right_edge() const { return tcb_.rcv.nxt + tcb_.rcv.wnd; }
  [[nodiscard]] bool may_stand_at_edge() const { return !seg_.rst() || tcb_.rcv.wnd == 0; }
  [[nodiscard]] bool is_in_window(SeqNum seq) const { return tcb_.rcv.nxt <= seq && seq < right_edge(); }

  [[gnu::cold]] bool answer_unacceptable() {
    if (seg_.rst()) return false;
    if (tcb_.state == State::time_wait && seg_.fin()) enter_time_wait(tcb_, env_, now_);
    if (!seg_.text.empty() && seg_.seq < tcb_.rcv.nxt) note_duplicate(seg_.seq);
    const bool has_text_or_fin = seg_.length() > 0 && !seg_.syn();
    if (has_text_or_fin || may_challenge()) reply_ = reply_with_ack();
    return false;
  }

  /// If so, it counts as done.
  [[gnu::cold]] bool may_challenge() {
    if (now_ - challenge_interval < tcb_.challenged_at) return false;
    tcb_.challenged_at = now_;
    return true;
  }

  // RFC 2883: the peer learns that it has sent this twice. Of several parts the first is told.
  [[gnu::cold]] void note_duplicate(SeqNum left) {
    reports_duplicate_ = true;
    const SeqNum end = seg_.seq + static_cast<std::uint32_t>(seg_.text.size());
    tcb_.duplicate = {left, min(end, tcb_.rcv.nxt)};
    if (!(tcb_.duplicate.left < tcb_.duplicate.right)) tcb_.duplicate = {};
  }

  void trim_left() {
    if (!(seg_.seq < tcb_.rcv.nxt)) return;
    note_duplicate(seg_.seq);
    std::uint32_t old = tcb_.rcv.nxt - seg_.seq;
    if (seg_.syn()) --old;  // the SYN bit itself stays, for the fourth step
    seg_.text = seg_.text.subspan(std::min<std::size_t>(old, seg_.text.size()));
    seg_.seq = tcb_.rcv.nxt;
  }

  void trim_right() {
    const std::uint32_t room = tcb_.rcv.nxt + tcb_.rcv.wnd - seg_.seq;
    const std::uint32_t size = static_cast<std::uint32_t>(seg_.text.size()) + (seg_.fin() ? 1u : 0u);
    if (size <= room) return;
    reaches_beyond_window_ = true;
    seg_.flags.clear(wire::Flag::fin);
    seg_.text = seg_.text.first(std::min<std::size_t>(room, seg_.text.size()));
  }

  // --- Fifth step, in parts.

  bool complete_handshake() {
    if (!(tcb_.snd.una < seg_.ack && seg_.ack <= tcb_.snd.nxt)) {
      reply_ = reset_for(seg_);
      return false;
    }
    set_send_window(tcb_, seg_);
    establish(tcb_, env_, now_);
    return true;
  }

  // --- Seventh and eighth step, in parts.

  [[nodiscard]] bool may_receive() const {
    return tcb_.state == State::syn_received || tcb_.state == State::established || tcb_.state == State::fin_wait_1 ||
           tcb_.state == State::fin_wait_2;
  }

  // SHLD-3: text for a user who has gone is lost, and the peer must not believe otherwise.
  [[gnu::cold]] bool refuse_text_after_close() {
    reply_ = reset_for(seg_);
    fail(tcb_, env_, Error::connection_aborted);
    return false;
  }

  // RFC 3168 section 6.1.3: echo the mark until the peer says that it has slowed down.
  void note_congestion() {
    if (!tcb_.ecn) return;
    if (seg_.flags.has(wire::Flag::cwr)) tcb_.echo_congestion = false;
    if (!congestion_experienced_) return;
    tcb_.echo_congestion = true;
    tcb_.ack_owed = AckOwed::now;
  }

  bool accept_text() {
    const bool had_gaps = tcb_.receive_queue.has_gaps();
    if (had_gaps && !reports_duplicate_) note_stored_duplicate();
    const std::size_t kept = insert_text();
    if (kept < seg_.text.size()) {
      ++env_.counters.text_without_memory;
      seg_.flags.clear(wire::Flag::fin);
    }
    const std::uint32_t arrived = tcb_.receive_queue.next() - tcb_.rcv.nxt;
    if (arrived == 0) {
      reply_ = reply_with_ack();  // out of order: each one a duplicate ACK of its own (MAY-13)
      return true;
    }
    advance(tcb_, env_, arrived, had_gaps, now_);
    return true;
  }

  [[gnu::cold]] void note_stored_duplicate() {
    const wire::SackBlock part = tcb_.receive_queue.stored_part(env_.blocks, seg_.seq, seg_.text);
    if (part.left != part.right) tcb_.duplicate = part;
  }

  // When memory is short, what came out of order makes room for what is in order.
  std::size_t insert_text() {
    const std::size_t kept = tcb_.receive_queue.insert(env_.blocks, seg_.seq, seg_.text);
    if (kept > 0 || seg_.seq != tcb_.rcv.nxt || !tcb_.receive_queue.has_gaps()) return kept;
    tcb_.receive_queue.drop_out_of_order(env_.blocks);
    return tcb_.receive_queue.insert(env_.blocks, seg_.seq, seg_.text);
  }

  // --- SYN-SENT (section 3.10.7.3).

  bool syn_sent_first_check_ack_bit() {
    if (!seg_.has_ack()) return true;
    if (tcb_.snd.iss < seg_.ack && seg_.ack <= tcb_.snd.nxt) return true;
    reply_ = reset_for(seg_);
    return false;
  }

  bool syn_sent_second_check_rst_bit() {
    if (!seg_.rst()) return true;
    ++env_.counters.resets_received;
    if (seg_.has_ack()) fail(tcb_, env_, Error::connection_refused);
    return false;
  }

  bool syn_sent_fourth_check_syn_bit() {
    if (!seg_.syn()) return false;
    note_peer_syn(tcb_, seg_, now_);
    agree_on_ecn();
    take_syn_off(seg_);
    tcb_.rcv.wnd = first_window(tcb_, env_);
    tcb_.ack_owed = AckOwed::now;
    arrived_seq_ = seg_.seq;
    trim_right();
    if (seg_.has_ack()) process_acknowledgment(tcb_, seg_, env_, now_);
    set_window_from_syn(tcb_, seg_.seq, seg_.has_ack() ? seg_.ack : tcb_.snd.iss, seg_.window);
    if (!seg_.has_ack()) return open_simultaneously();
    establish(tcb_, env_, now_);
    return true;
  }

  // RFC 3168 section 6.1.1: our offer is taken by a SYN,ACK with ECE and without CWR.
  void agree_on_ecn() {
    tcb_.ecn = tcb_.ecn && seg_.has_ack() && seg_.flags.has(wire::Flag::ece) && !seg_.flags.has(wire::Flag::cwr);
  }

  // Both sides have sent a SYN (Figure 8): ours goes out again, with the ACK of theirs. A FIN on it is not for now: not
  // acknowledged, it comes again when both are ESTABLISHED.
  [[gnu::cold]] bool open_simultaneously() {
    seg_.flags.clear(wire::Flag::fin);
    tcb_.enter(State::syn_received);
    tcb_.flight->sent.mark_all_lost(env_.sent);
    return true;
  }

  // --- Replies.

  [[gnu::cold]] bool challenge() {
    if (!may_challenge()) return false;
    ++env_.counters.challenge_acks;
    reply_ = reply_with_ack();
    return false;
  }

  [[gnu::cold]] wire::Segment reply_with_ack() {
    wire::Segment ack = make_ack(tcb_, env_, now_);
    tcb_.ack_owed = AckOwed::no;
    tcb_.delayed_ack_at = never;
    tcb_.rcv.acked = tcb_.rcv.nxt;
    ++tcb_.segments_sent;
    ++env_.counters.segments_sent;
    return ack;
  }

  Tcb& tcb_;
  wire::Segment seg_;   // trimmed by the first step to the RFC's "idealized segment"
  SeqNum arrived_seq_;  // SEG.SEQ before it was trimmed
  bool congestion_experienced_;
  Environment& env_;
  Instant now_;
  Reply reply_;
  bool reaches_beyond_window_ = false;
  bool reports_duplicate_ = false;
  bool had_syn_ = false;  // the second half of a simultaneous open: its window is not scaled
};

// What answers our SYN mostly: SYN,ACK without anything else.
bool is_expected_syn_ack(const Tcb& tcb, const wire::Segment& segment) {
  constexpr wire::Flags syn_ack = wire::Flag::syn | wire::Flag::ack;
  return tcb.state == State::syn_sent && segment.flags == syn_ack && segment.ack == tcb.snd.nxt && tcb.syn_sent() &&
         segment.text.empty() && segment.options.sack.empty();
}

// It came after our SYN had been sent again.
[[gnu::cold]] void acknowledge_late(Tcb& tcb, wire::Segment syn_ack, Environment& env, Instant now) {
  take_syn_off(syn_ack);
  process_acknowledgment_by_steps(tcb, syn_ack, env, now);
}

/// What the steps of SYN-SENT come to for it.
void take_expected_syn_ack(Tcb& tcb, const wire::Segment& segment, Environment& env, Instant now) {
  note_heard(tcb, now);
  note_peer_syn(tcb, segment, now);
  tcb.ecn = false;  // an offer is taken with ECE only
  tcb.rcv.wnd = first_window(tcb, env);
  tcb.ack_owed = AckOwed::now;
  const SeqNum seq = segment.seq + 1;
  if (!process_plain_acknowledgment(tcb, seq, segment.ack, segment.window, env, now)) {
    acknowledge_late(tcb, segment, env, now);
  }
  set_window_from_syn(tcb, seq, segment.ack, segment.window);
  establish(tcb, env, now);
}

/// What the eight steps come to for a segment that is_expected(), but for putting its text to its place.
void take_expected(Tcb& tcb, const wire::PlainSegment& segment, Environment& env, Instant now) {
  note_heard(tcb, now);
  remember_timestamp(tcb, segment.seq, segment.timestamps(), now);
  const std::uint32_t window = std::uint32_t{segment.window} << tcb.snd.scale;
  if (tcb.state == State::syn_received) {
    set_send_window(tcb, segment.seq, segment.ack, window);
    establish(tcb, env, now);
  }
  if (!process_plain_acknowledgment(tcb, segment.seq, segment.ack, window, env, now)) {
    process_acknowledgment_by_steps(tcb, segment.segment(), env, now);
  }
  if (tcb.fin_acked && !after_our_fin(tcb, env, now)) return;
  if (!segment.text.empty()) advance(tcb, env, static_cast<std::uint32_t>(segment.text.size()), false, now);
  if (!segment.flags.has(wire::Flag::fin)) return;
  tcb.fin_known = true;
  tcb.rcv.fin = tcb.rcv.nxt;
  receive_fin(tcb, env, now);
}

// The acknowledgment completes the handshake, or tells nothing that was not sent.
bool acknowledges_what_is_out(const Tcb& tcb, SeqNum ack) {
  if (tcb.state == State::syn_received) return ack == tcb.snd.nxt && tcb.outstanding() > 0;
  return is_synchronized(tcb.state) && tcb.state != State::time_wait && ack - tcb.snd.una <= tcb.outstanding();
}

// There is room for it, and somebody who wants its text; behind the peer's FIN there must be nothing.
bool may_follow(const Tcb& tcb, const wire::PlainSegment& segment, const Environment& env) {
  const std::size_t length = segment.text.size() + (segment.flags.has(wire::Flag::fin) ? 1u : 0u);
  if (tcb.fin_known) return tcb.fin_received && length == 0;
  return length <= tcb.rcv.wnd && (tcb.attached || segment.text.empty()) &&
         env.blocks.have_room_for_arrival(segment.text.size());
}

}  // namespace

bool is_expected(const Tcb& tcb, const wire::PlainSegment& segment, const Environment& env) {
  return !segment.flags.has(wire::Flag::rst) && segment.seq == tcb.rcv.nxt &&
         acknowledges_what_is_out(tcb, segment.ack) && may_follow(tcb, segment, env) &&
         segment.stamped == tcb.timestamps && (!tcb.timestamps || !is_before(segment.ts_value, tcb.ts_recent)) &&
         !(tcb.ecn && segment.congestion_experienced) && !tcb.receive_queue.has_gaps();
}

bool expected_segment_arrives(Tcb& tcb, wire::PlainSegment& segment, bool is_verified, Environment& env, Instant now) {
  tcb.receive_queue.place(env.blocks, segment.text, is_verified ? nullptr : &segment.sum);
  if (!is_verified && segment.sum.finish() != 0) {
    tcb.receive_queue.refuse(env.blocks);
    return false;
  }
  placed_segment_arrives(tcb, segment, env, now);
  return true;
}

void placed_segment_arrives(Tcb& tcb, const wire::PlainSegment& segment, Environment& env, Instant now) {
  tcb.receive_queue.accept(static_cast<std::uint32_t>(segment.text.size()));
  take_expected(tcb, segment, env, now);
}

std::optional<wire::Segment> segment_arrives(Tcb& tcb, const wire::Segment& segment, bool congestion_experienced,
                                             Environment& env, Instant now) {
  if (!is_expected_syn_ack(tcb, segment)) {
    return segment_arrives_by_steps(tcb, segment, congestion_experienced, env, now);
  }
  take_expected_syn_ack(tcb, segment, env, now);
  return std::nullopt;
}

[[gnu::noinline]] std::optional<wire::Segment> segment_arrives_by_steps(Tcb& tcb, const wire::Segment& segment,
                                                                        bool congestion_experienced, Environment& env,
                                                                        Instant now) {
  note_heard(tcb, now);
  SegmentArrives arrival{tcb, segment, congestion_experienced, env, now};
  return tcb.state == State::syn_sent ? arrival.process_in_syn_sent() : arrival.process();
}

void open_passively(Tcb& tcb, const FourTuple& tuple, SeqNum iss, std::uint32_t ts_offset, const wire::Segment& syn,
                    Environment& env, Instant now) {
  begin_open(tcb, tuple, iss, ts_offset, env, now);
  tcb.passive = true;
  ++tcb.segments_received;
  const bool offered = syn.flags.has(wire::Flag::ece) && syn.flags.has(wire::Flag::cwr);
  tcb.ecn = offered && env.parameters.ecn != Ecn::off;
  note_peer_syn(tcb, syn, now);
  tcb.rcv.wnd = first_window(tcb, env);
  set_send_window(tcb, syn);
  tcb.snd.wl2 = iss;
  tcb.enter(State::syn_received);
  const Bytes text = syn.text.first(std::min<std::size_t>(syn.text.size(), tcb.rcv.wnd));
  const std::size_t kept = tcb.receive_queue.insert(env.blocks, tcb.rcv.nxt, text);
  // Acted upon when the handshake is complete; one whose text was not all taken comes again.
  tcb.fin_known = syn.fin() && kept == syn.text.size();
  tcb.rcv.fin = tcb.rcv.nxt + static_cast<std::uint32_t>(kept);
  if (kept == 0) return;
  tcb.rcv.nxt = tcb.receive_queue.next();
  tcb.rcv.wnd -= static_cast<std::uint32_t>(kept);
  tcb.bytes_received += kept;
  tcb.news.readable = true;
}

void complete_by_cookie(Tcb& tcb, const wire::Segment& ack, Environment& env, Instant now) {
  tcb.snd.una = tcb.snd.nxt = tcb.snd.iss + 1;
  tcb.syn_acked = true;
  tcb.rcv.acked = tcb.rcv.nxt;
  set_send_window(tcb, ack);
  establish(tcb, env, now);
}

[[gnu::noinline]] void begin_open(Tcb& tcb, const FourTuple& tuple, SeqNum iss, std::uint32_t ts_offset,
                                  Environment& env, Instant now) {
  const Parameters& parameters = env.parameters;
  tcb.tuple = tuple;
  tcb.snd.iss = tcb.snd.una = tcb.snd.nxt = iss;
  tcb.snd.wl1 = tcb.snd.wl2 = iss;
  tcb.ts_offset = ts_offset;
  tcb.path_mtu = env.largest_packet(tcb);
  tcb.timestamps = parameters.timestamps;
  tcb.selective_acks = parameters.selective_acks;
  tcb.window_scaling = parameters.window_scaling;
  tcb.reordering_round = tcb.ecn_point = iss;
  tcb.rcv.scale = parameters.window_scaling ? scale_for(env.options(tcb).receive_buffer) : std::uint8_t{0};
  tcb.rcv.limit = parameters.initial_receive_window;
  tcb.congestion.cwnd = initial_window(parameters.initial_window, tcb.mss());
  tcb.heard_at = now;
}

bool may_reopen(const Tcb& tcb, const wire::Segment& syn, const Environment& env) {
  if (tcb.state != State::time_wait || !syn.syn() || syn.has_ack() || syn.rst() || syn.fin()) return false;
  const bool begins_timestamps = !tcb.timestamps && syn.options.timestamps && env.parameters.timestamps;
  if (begins_timestamps) return true;  // PAWS will tell the old connection's segments, which have none
  if (tcb.timestamps && syn.options.timestamps) {
    if (syn.options.timestamps->value != tcb.ts_recent) return !is_before(syn.options.timestamps->value, tcb.ts_recent);
  }
  return syn.seq > tcb.rcv.nxt;
}

}  // namespace backstop::tcp
