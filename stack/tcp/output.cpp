#include "stack/tcp/output.hpp"

#include <algorithm>

#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/timeouts.hpp"

namespace backstop::tcp {
namespace {

constexpr std::uint32_t largest_unscaled_window = 0xffff;

// What this connection may hold for its user: what right-sizing allows of its buffer, and no more than half of what the
// pool has left, so that many connections share what there is.
std::uint32_t free_space(const Tcb& tcb, const Environment& env) {
  const std::uint32_t held = tcb.receive_queue.readable();
  const std::uint64_t pool = std::uint64_t{env.blocks.available_for_arrival()} * env.blocks.block_size() / 2;
  const std::uint32_t limit = std::min(env.options(tcb).receive_buffer, tcb.rcv.limit);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(limit > held ? limit - held : 0, pool));
}

std::uint32_t largest_window(const Tcb& tcb) { return largest_unscaled_window << tcb.rcv.scale; }

// The smallest multiple of the window's unit that is not less than `octets`.
std::uint32_t round_up_to_scale(const Tcb& tcb, std::uint32_t octets) {
  const std::uint32_t rest = (1u << tcb.rcv.scale) - 1;
  return (octets + rest) & ~rest;
}

std::uint32_t offerable_window(const Tcb& tcb, std::uint32_t free) {
  return std::min(free, largest_window(tcb)) >> tcb.rcv.scale << tcb.rcv.scale;
}

// MUST-39: the window grows by a full segment or half the buffer, or not at all. The buffer is what the pool lets this
// connection hold: a step that a small pool has no room for would keep a closed window closed for ever.
std::uint32_t window_step(const Tcb& tcb, std::uint32_t free, std::uint32_t mss) {
  const std::uint32_t buffer = tcb.receive_queue.readable() + free;
  return std::clamp<std::uint32_t>(buffer / 2, 1, mss);
}

// The right edge must not move left (SHLD-14), and only whole units can be told.
std::uint32_t unmoved_window(const Tcb& tcb) {
  return std::min(round_up_to_scale(tcb, tcb.rcv.wnd), largest_window(tcb));
}

// There is no room for a full segment more, however much the pool has left: mostly so, and known without asking it.
// Beside a window of more than a segment, half of the buffer is no smaller step.
bool window_cannot_grow(const Tcb& tcb, std::uint32_t mss) {
  return tcb.rcv.wnd > mss && tcb.rcv.limit < tcb.receive_queue.readable() + tcb.rcv.wnd + mss;
}

}  // namespace

std::uint32_t window_to_offer(const Tcb& tcb, const Environment& env, std::uint32_t mss) {
  return window_cannot_grow(tcb, mss) ? unmoved_window(tcb) : window_to_offer_by_steps(tcb, env, mss);
}

std::uint32_t window_to_offer_by_steps(const Tcb& tcb, const Environment& env, std::uint32_t mss) {
  const std::uint32_t free = free_space(tcb, env);
  const std::uint32_t space = offerable_window(tcb, free);
  return space >= tcb.rcv.wnd + window_step(tcb, free, mss) ? space : unmoved_window(tcb);
}

namespace {

std::uint16_t window_field(const Tcb& tcb, bool syn) {
  if (syn) return static_cast<std::uint16_t>(std::min(tcb.rcv.wnd, largest_unscaled_window));
  return static_cast<std::uint16_t>(tcb.rcv.wnd >> tcb.rcv.scale);
}

void add_timestamps(const Tcb& tcb, wire::Segment& segment, Instant now) {
  if (tcb.timestamps) segment.options.timestamps = {timestamp_now(tcb, now), tcb.ts_recent};
}

// RFC 9293 section 3.8.5, MUST-62: the pointer is to the octet behind the urgent ones; when that is farther than it can
// tell, as far as it can.
void mark_urgent(const Tcb& tcb, wire::Segment& segment) {
  if (!tcb.urgent_sent || !(segment.seq < tcb.snd.up)) return;
  segment.flags.set(wire::Flag::urg);
  segment.urgent_pointer = static_cast<std::uint16_t>(std::min(tcb.snd.up - segment.seq, 0xffffu));
}

// Segments are made in place, in ones that are fresh: what begins each of them,
void begin_segment(const Tcb& tcb, SeqNum seq, wire::Flags flags, wire::Segment& segment) {
  segment.source_port = tcb.tuple.local.port;
  segment.destination_port = tcb.tuple.remote.port;
  segment.seq = seq;
  if (flags.has(wire::Flag::ack)) segment.ack = tcb.rcv.nxt;
  segment.flags = flags;
}

// each one on a connection: <SEQ=seq><ACK=RCV.NXT><CTL=ACK>,
void write_ack(Tcb& tcb, const Environment& env, Instant now, std::uint32_t mss, SeqNum seq, wire::Segment& segment) {
  if (!tcb.fin_received) tcb.rcv.wnd = window_to_offer(tcb, env, mss);
  begin_segment(tcb, seq, wire::Flag::ack, segment);
  mark_urgent(tcb, segment);
  if (tcb.echo_congestion) segment.flags.set(wire::Flag::ece);
  segment.window = window_field(tcb, false);
  add_timestamps(tcb, segment, now);
}

// one that carries no text,
void write_ack_with_sack(Tcb& tcb, const Environment& env, Instant now, std::uint32_t mss, SeqNum seq,
                         wire::Segment& segment) {
  write_ack(tcb, env, now, mss, seq, segment);
  if (tcb.selective_acks) {
    if (tcb.duplicate.left != tcb.duplicate.right) segment.options.sack.push_back(tcb.duplicate);
    if (tcb.receive_queue.has_gaps()) {
      for (const wire::SackBlock& block : tcb.receive_queue.sack_blocks(env.blocks))
        segment.options.sack.push_back(block);
    }
  }
  tcb.duplicate = {};
}

// and the first.
void write_syn(const Tcb& tcb, const Environment& env, Instant now, wire::Segment& segment) {
  const bool answers = tcb.state == State::syn_received;
  begin_segment(tcb, tcb.snd.iss, answers ? wire::Flag::syn | wire::Flag::ack : wire::Flag::syn, segment);
  // RFC 3168 section 6.1.1: ECE and CWR offer it, ECE alone agrees.
  if (tcb.ecn) segment.flags.set(wire::Flag::ece);
  if (tcb.ecn && !answers) segment.flags.set(wire::Flag::cwr);
  segment.window = window_field(tcb, true);
  segment.options.mss =
      static_cast<std::uint16_t>(env.largest_packet(tcb) - wire::ipv4_header_size - wire::tcp_header_size);
  if (tcb.window_scaling) segment.options.window_scale = tcb.rcv.scale;
  segment.options.sack_permitted = tcb.selective_acks;
  add_timestamps(tcb, segment, now);
}

/// Works out one segment, in place. Each member asks one question or makes one kind of segment; those that ask return
/// whether they made one.
class Output {
 public:
  Output(Tcb& tcb, Environment& env, Instant now, Outgoing& out)
      : tcb_(tcb), env_(env), now_(now), mss_(tcb.mss()), out_(out) {}

  /// Requests, their answers, and the end: all that was written, and FIN behind it, fits into one segment, nothing is
  /// in flight, and nothing else is to be said or done. False when it is not so.
  bool lone_segment() {
    const std::uint32_t size = tcb_.flight->send_queue.size();
    const bool fin = tcb_.fin_queued && !tcb_.fin_sent;
    if ((size == 0 && !fin) || !is_quiet()) return false;
    if (size > mss_ || size > tcb_.snd.wnd || size > tcb_.congestion.cwnd || has_been_idle()) return false;
    begin_flight(tcb_, env_);
    const SeqNum seq = tcb_.snd.nxt;
    tcb_.snd.nxt = seq + size + (fin ? 1u : 0u);
    tcb_.flight->sent.append(env_.sent, seq, tcb_.snd.nxt, now_, size > 0);
    tcb_.flight->progress_at = now_;
    if (size > 0 && size < mss_) tcb_.flight->small_end = tcb_.snd.nxt;
    if (fin) tcb_.fin_sent = true;
    note_use_of_window(false);
    arm_for_new_text();
    write_ack(tcb_, env_, now_, mss_, seq, out_.segment);
    if (fin) out_.segment.flags.set(wire::Flag::fin);
    if (size > 0) out_.segment.flags.set(wire::Flag::psh);
    out_.last = true;
    return finish_text(0, size);
  }

  bool next() {
    if (tcb_.state == State::closed || tcb_.state == State::listen) return false;
    const bool speaks = tcb_.state != State::time_wait;
    return (speaks &&
            (handshake() || loss_probe() || retransmission() || new_text() || window_probe() || keep_alive_probe())) ||
           acknowledgment();
  }

 private:
  [[nodiscard]] bool is_quiet() const {
    return is_synchronized(tcb_.state) && tcb_.outstanding() == 0 && tcb_.recovery == Recovery::open &&
           !tcb_.urgent_sent && !tcb_.probe_window && !tcb_.probe_alive && !tcb_.probe_loss && !tcb_.ecn;
  }

  [[nodiscard]] bool in_handshake() const { return tcb_.state == State::syn_sent || tcb_.state == State::syn_received; }

  bool handshake() {
    if (tcb_.syn_sent()) return false;
    note_first_transmission(tcb_.snd.iss, tcb_.snd.iss + 1, false);
    return make(tcb_.snd.iss, tcb_.snd.iss + 1, false);
  }

  bool retransmission() {
    const RecordId id = tcb_.flight->sent.first_lost(env_.sent);
    if (id == no_record || !congestion_window_allows()) return false;
    return resend(id);
  }

  [[gnu::cold]] bool resend(RecordId id) {
    const SeqNum end = cut_to_one_packet(id);
    tcb_.flight->sent.mark_resent(env_.sent, id, now_);
    const SeqNum seq = env_.sent[id].seq;
    tcb_.flight->prr_out += end - seq;
    ++tcb_.retransmissions;
    ++env_.counters.segments_retransmitted;
    return make(seq, end, env_.sent[id].push && env_.sent[id].end == end);
  }

  // RFC 8985 section 7.3: new text if there is some, else the last segment again; cwnd does not matter for one segment.
  bool loss_probe() {
    if (!tcb_.probe_loss) return false;
    tcb_.probe_loss = false;
    if (tcb_.flight->sent.empty()) return false;
    tcb_.probe_out = true;
    const std::uint32_t unsent = tcb_.unsent();
    const std::uint32_t fresh = std::min({unsent, usable_window(), mss_});
    tcb_.probe_repeats = fresh == 0;
    const bool made = fresh > 0 ? send_new(fresh, unsent) : repeat_last();
    tcb_.flight->probe_end = tcb_.snd.nxt;
    return made;
  }

  [[gnu::cold]] bool repeat_last() {
    const SentRecord& tail = env_.sent[tcb_.flight->sent.tail()];
    const std::uint32_t most = longest_up_to(tail.end);
    if (tail.length() > most) tcb_.flight->sent.split(env_.sent, tcb_.flight->sent.tail(), tail.end - most);
    return resend(tcb_.flight->sent.tail());
  }

  // A record may span more than a packet: it was cut by the device, it was stretched, or the path's MTU has shrunk.
  // Returns where the packet ends. When there is no memory to cut the record, the rest of it waits until this much is
  // acknowledged (retire_records() in acknowledgment.cpp).
  SeqNum cut_to_one_packet(RecordId id) {
    const SentRecord& record = env_.sent[id];
    if (record.length() <= longest_up_to(record.end) || tcb_.is_our_syn(record.seq)) return record.end;
    const SeqNum end = record.seq + mss_;
    tcb_.flight->sent.split(env_.sent, id, end);
    return end;
  }

  /// What one packet that ends at `end` covers at most: FIN takes a sequence number, but none of the MSS.
  [[nodiscard]] std::uint32_t longest_up_to(SeqNum end) const { return mss_ + (is_behind_fin(end) ? 1u : 0u); }
  [[nodiscard]] bool is_behind_fin(SeqNum end) const { return tcb_.fin_sent && end == tcb_.queue_end() + 1; }

  [[nodiscard]] bool congestion_window_allows() const { return tcb_.in_flight() < tcb_.congestion.cwnd; }

  bool new_text() {
    if (in_handshake()) return false;
    const std::uint32_t unsent = tcb_.unsent();
    const bool fin = tcb_.fin_queued && !tcb_.fin_sent;
    if (unsent == 0 && !fin) return false;

    const std::uint32_t size = without_small_tail(sendable(unsent), unsent);
    const bool with_fin = fin && size == unsent;
    if (size == 0 && !with_fin) return wait_for_window();
    if (size < unsent && !worth_sending(size)) return wait_for_window();
    tcb_.probe_window = false;
    if (restart_after_idle()) return send_new(std::min(size, sendable(unsent)), unsent);
    return send_new(size, unsent);
  }

  /// The first `size` octets of those that were never sent, and FIN when they are the last.
  bool send_new(std::uint32_t size, std::uint32_t unsent) {
    const bool with_fin = size == unsent && tcb_.fin_queued && !tcb_.fin_sent;
    const bool empties_queue = size > 0 && size == unsent;
    const SeqNum seq = tcb_.snd.nxt;
    const SeqNum end = seq + size + (with_fin ? 1u : 0u);
    if (with_fin) tcb_.fin_sent = true;
    const bool timed = deadline_holds();
    if (size != mss_ && size % mss_ != 0) tcb_.flight->small_end = end;
    note_first_transmission(seq, end, empties_queue);
    make_text(seq, end, empties_queue || size > mss_);
    note_use_of_window(false);
    mark_ecn();
    if (!timed) arm_for_new_text();
    return true;
  }

  // RFC 6298 (5.1): new text starts a timer that is off, and puts off none; a loss probe counts from the latest text.
  void arm_for_new_text() {
    if (tcb_.selective_acks && tcb_.timer != Timer::reordering) {
      arm_loss_timer(tcb_, env_, now_);
    } else {
      ensure_timer();
    }
  }

  /// A deadline that was worked out at this very instant, for more than one segment of new text, is that of further
  /// ones.
  [[nodiscard]] bool deadline_holds() const {
    return tcb_.sent_at == now_ && tcb_.outstanding() > mss_ && tcb_.recovery == Recovery::open && !tcb_.probe_out &&
           (tcb_.timer == Timer::loss_probe || tcb_.timer == Timer::retransmission);
  }

  // RFC 3168 section 6.1.2 and 6.1.5: new text only, never a retransmission.
  void mark_ecn() {
    if (!tcb_.ecn || out_.text_size == 0) return;
    out_.ecn_capable = true;
    if (tcb_.window_reduced) out_.segment.flags.set(wire::Flag::cwr);
    tcb_.window_reduced = false;
  }

  [[nodiscard]] std::uint32_t usable_window() const {
    const std::uint32_t out = tcb_.outstanding();
    return tcb_.snd.wnd > out ? tcb_.snd.wnd - out : 0;
  }

  /// Octets that the peer's window, the congestion window and one packet allow.
  std::uint32_t sendable(std::uint32_t unsent) {
    const std::uint32_t flight = tcb_.in_flight();
    const std::uint32_t congestion = tcb_.congestion.cwnd > flight ? tcb_.congestion.cwnd - flight : 0;
    const std::uint32_t offered = std::min(unsent, usable_window());
    const std::uint32_t wanted = offered <= mss_ ? offered : std::min(offered, packet_limit());
    if (wanted > congestion) note_use_of_window(true);
    if (wanted <= congestion) return wanted;
    // Part of the congestion window is used in whole segments only: a small one would gain nothing.
    return congestion >= mss_ ? congestion / mss_ * mss_ : 0;
  }

  /// The segment limit: one MSS, or as many whole ones as the device cuts by itself, but at most half of the congestion
  /// window: acknowledgments of two packets make a steadier clock than those of one. An urgent pointer it would copy.
  [[nodiscard]] std::uint32_t packet_limit() const {
    if (tcb_.urgent_sent || env_.segmentation_offload == 0) return mss_;
    const std::uint32_t octets = std::min(env_.segmentation_offload, tcb_.congestion.cwnd / 2);
    return mss_ * std::clamp<std::uint32_t>(octets / mss_, 1, env_.segmentation_segments);
  }

  // RFC 7661's concern in its simplest form: a window that is not used tells nothing about the path. What counts is the
  // most that was out in this round trip.
  void note_use_of_window(bool held_back) {
    const std::uint32_t flight = tcb_.in_flight();
    const bool limited = held_back || flight + mss_ > tcb_.congestion.cwnd;
    const bool new_round = tcb_.snd.una >= tcb_.flight->window_round;
    if (!new_round && !limited && (tcb_.cwnd_limited || flight <= tcb_.flight->round_flight)) return;
    tcb_.cwnd_limited = limited;
    tcb_.flight->round_flight = flight;
    tcb_.flight->window_round = tcb_.snd.nxt;
  }

  // RFC 9293 section 3.8.6.2.1: a full segment, or half of the largest window the peer ever had, or the override.
  [[nodiscard]] bool worth_sending(std::uint32_t size) const {
    return size > 0 && (size >= mss_ || size >= tcb_.snd.max_wnd / 2 || tcb_.probe_window);
  }

  // RFC 9293 section 3.7.4 (SHLD-7), as its appendix A.3 softens it: the last small segment waits while another small
  // one is unacknowledged; behind full ones it goes, since nothing would be gained by keeping a peer waiting for it.
  [[nodiscard]] std::uint32_t without_small_tail(std::uint32_t size, std::uint32_t unsent) const {
    const bool may_wait = size == unsent && small_one_is_out() && !tcb_.fin_queued && !env_.options(tcb_).no_delay;
    return may_wait ? size - size % mss_ : size;
  }
  [[nodiscard]] bool small_one_is_out() const {
    return tcb_.outstanding() > 0 && tcb_.flight->small_end > tcb_.snd.una && tcb_.flight->small_end <= tcb_.snd.nxt;
  }

  // Text waits for a larger window and nothing is out that would bring one: the persist timer makes sure (MUST-36).
  [[gnu::cold]] bool wait_for_window() {
    if (tcb_.outstanding() == 0 && tcb_.timer == Timer::off) {
      tcb_.flight->progress_at = now_;
      arm_persist(tcb_, env_, now_);
    }
    return false;
  }

  // Deviation: RFC 9293 section 3.8.6.1 speaks of an octet of new text. This probe repeats an acknowledged sequence
  // number without text, as deployed stacks do: any receiver must answer it with its window, and nothing can be half
  // accepted.
  bool window_probe() {
    if (!tcb_.probe_window) return false;
    tcb_.probe_window = false;
    return probe();
  }

  bool keep_alive_probe() {
    if (!tcb_.probe_alive) return false;
    tcb_.probe_alive = false;
    return probe();
  }

  [[gnu::cold]] bool probe() {
    write_ack_with_sack(tcb_, env_, now_, mss_, tcb_.snd.una - 1, out_.segment);
    return finish();
  }

  bool acknowledgment() {
    if (tcb_.ack_owed != AckOwed::now) return false;
    write_ack_with_sack(tcb_, env_, now_, mss_, tcb_.snd.nxt, out_.segment);
    out_.last = true;
    return finish();
  }

  [[nodiscard]] bool has_been_idle() const {
    const Duration idle = now_ - tcb_.sent_at;
    if (idle <= shortest_rto) return false;  // mostly so, and known without working the RTO out
    return env_.parameters.restart_after_idle && idle > tcb_.rtt.rto(env_.parameters);
  }

  // RFC 5681 section 4.1: after an RTO without sending, the window is only the initial one. Returns whether it was so.
  bool restart_after_idle() {
    if (tcb_.outstanding() > 0 || !has_been_idle()) return false;
    congestion_control(env_.options(tcb_).congestion).after_idle(tcb_.congestion, now_ - tcb_.sent_at);
    const std::uint32_t restart = initial_window(env_.parameters.initial_window, mss_);
    tcb_.congestion.cwnd = std::min(tcb_.congestion.cwnd, restart);
    return true;
  }

  void note_first_transmission(SeqNum seq, SeqNum end, bool push) {
    begin_flight(tcb_, env_);
    if (tcb_.outstanding() == 0) tcb_.flight->progress_at = now_;
    tcb_.flight->sent.append(env_.sent, seq, end, now_, push);
    tcb_.snd.nxt = end;
    if (tcb_.recovery == Recovery::recovery) tcb_.flight->prr_out += end - seq;
  }

  /// The segment that covers [seq, end): SYN, text and FIN stand where the sequence numbers say.
  /// PSH stands on what empties the queue (MUST-61, SHLD-27), and on the last segment of what the device cuts: a
  /// receiver that gathers segments then has no reason to wait for more.
  bool make(SeqNum seq, SeqNum end, bool push) {
    ensure_timer();
    return tcb_.is_our_syn(seq) ? make_syn() : make_text(seq, end, push);
  }

  bool make_text(SeqNum seq, SeqNum end, bool push) {
    const bool fin = is_behind_fin(end);
    write_ack(tcb_, env_, now_, mss_, seq, out_.segment);
    if (fin) out_.segment.flags.set(wire::Flag::fin);
    if (push) out_.segment.flags.set(wire::Flag::psh);
    return finish_text(seq - tcb_.queue_start(), end - seq - (fin ? 1u : 0u));
  }

  bool finish_text(std::uint32_t offset, std::uint32_t size) {
    out_.text_offset = offset;
    out_.text_size = size;
    out_.mss = mss_;
    tcb_.duplicate = {};  // Why: reports ride on acknowledgments; here they would shrink the text.
    tcb_.sent_at = now_;
    env_.counters.bytes_sent += out_.text_size;
    return finish();
  }

  // RFC 3168 section 6.1.1.1: a SYN that may have been lost for its offer of ECN goes again without one.
  bool make_syn() {
    if (tcb_.state == State::syn_sent && tcb_.retransmissions > 0) tcb_.ecn = false;
    write_syn(tcb_, env_, now_, out_.segment);
    return finish();
  }

  void ensure_timer() {
    if (tcb_.timer == Timer::off || tcb_.timer == Timer::persist) arm_retransmission(tcb_, env_, now_);
  }

  // Whatever leaves carries our ACK field, so nothing is owed any more.
  bool finish() {
    if (out_.segment.has_ack()) {
      tcb_.ack_owed = AckOwed::no;
      tcb_.delayed_ack_at = never;
    }
    tcb_.rcv.acked = tcb_.rcv.nxt;
    ++tcb_.segments_sent;
    ++env_.counters.segments_sent;
    return true;
  }

  Tcb& tcb_;
  Environment& env_;
  Instant now_;
  std::uint32_t mss_;  // SND.MSS does not change meanwhile
  Outgoing& out_;
};

}  // namespace

bool output(Tcb& tcb, Environment& env, Instant now, Outgoing& out) {
  Output output{tcb, env, now, out};
  return output.lone_segment() || output.next();
}

bool output_by_steps(Tcb& tcb, Environment& env, Instant now, Outgoing& out) {
  return Output{tcb, env, now, out}.next();
}

bool wants_turn(const Tcb& tcb) {
  if (tcb.state == State::closed || tcb.state == State::listen) return false;
  if (tcb.ack_owed == AckOwed::now) return true;
  if (tcb.state == State::time_wait) return false;
  const bool has_text = tcb.has_flight() && (tcb.unsent() > 0 || tcb.flight->sent.lost_bytes() > 0);
  return has_text || (tcb.fin_queued && !tcb.fin_sent) || (tcb.probe_window | tcb.probe_alive | tcb.probe_loss) ||
         !tcb.syn_sent();
}

wire::Segment make_ack(Tcb& tcb, Environment& env, Instant now) {
  wire::Segment segment;
  write_ack_with_sack(tcb, env, now, tcb.mss(), tcb.snd.nxt, segment);
  return segment;
}

wire::Segment make_syn(const Tcb& tcb, const Environment& env, Instant now) {
  wire::Segment segment;
  write_syn(tcb, env, now, segment);
  return segment;
}

// RFC 7323 section 3.2: timestamps should stand in a RST too.
wire::Segment make_reset(const Tcb& tcb, Instant now) {
  wire::Segment segment;
  begin_segment(tcb, tcb.snd.nxt, wire::Flag::rst | wire::Flag::ack, segment);
  add_timestamps(tcb, segment, now);
  return segment;
}

bool window_update_is_due(const Tcb& tcb, const Environment& env) {
  // A closed window, or one that can be twice as large: waiting for the next acknowledgment would hold the peer up.
  if (tcb.rcv.limit < 2 * tcb.rcv.wnd) return false;  // it never can: mostly so, and known without asking the pool
  const std::uint32_t free = free_space(tcb, env);
  const std::uint32_t space = offerable_window(tcb, free);
  return !tcb.fin_received && space >= tcb.rcv.wnd + window_step(tcb, free, tcb.mss()) && space >= 2 * tcb.rcv.wnd;
}

[[gnu::noinline]] std::uint32_t first_window(const Tcb& tcb, const Environment& env) {
  return std::min(free_space(tcb, env), largest_unscaled_window);
}

}  // namespace backstop::tcp
