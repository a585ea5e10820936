#include "stack/tcp/acknowledgment.hpp"

#include <algorithm>
#include <array>

#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/loss_detection.hpp"
#include "stack/tcp/recovery.hpp"
#include "stack/tcp/timeouts.hpp"

namespace backstop::tcp {
namespace {

bool is_newer(const Tcb& tcb, SeqNum seq, SeqNum ack) {
  return tcb.snd.wl1 < seq || (tcb.snd.wl1 == seq && tcb.snd.wl2 <= ack);
}

void take_sample(Tcb& tcb, Duration rtt) {
  tcb.rtt.sample(rtt);
  tcb.backoff = 0;
}

void note_acknowledged_text(Tcb& tcb, std::uint32_t text) {
  tcb.bytes_acked += text;
  if (tcb.soft_error == Error::excessive_retransmissions) tcb.soft_error.reset();
  if (text == 0 || !tcb.writer_waits) return;
  tcb.writer_waits = false;
  tcb.news.writable = true;
}

// A window that was not used tells nothing about the path (RFC 7661). In slow start half of it is enough: by the time
// it has doubled, that half has shown what the path takes.
bool was_limited_by_cwnd(const Tcb& tcb) {
  const bool half_used = tcb.congestion.cwnd < 2 * std::uint64_t{tcb.flight->round_flight};
  return tcb.cwnd_limited || (tcb.congestion.in_slow_start() && half_used);
}

void grow_congestion_window(Tcb& tcb, Environment& env, std::uint32_t acked, Duration rtt, Instant now) {
  if (acked == 0 || !was_limited_by_cwnd(tcb)) return;
  begin_history(tcb.congestion, env.histories);
  congestion_control(env.options(tcb).congestion)
      .on_ack(tcb.congestion, {.acked = acked,
                               .mss = tcb.mss(),
                               .rtt = rtt,
                               .srtt = tcb.rtt.srtt(),
                               .una = tcb.snd.una,
                               .nxt = tcb.snd.nxt,
                               .now = now});
}

class Acknowledgment {
 public:
  Acknowledgment(Tcb& tcb, const wire::Segment& segment, Environment& env, Instant now)
      : tcb_(tcb),
        segment_(segment),
        env_(env),
        now_(now),
        flight_before_(tcb.in_flight()),
        outstanding_before_(tcb.outstanding()),
        reno_sacked_before_(tcb.flight->reno_sacked) {}

  void process() {
    const bool duplicate = is_duplicate();
    if (segment_.ack > tcb_.snd.una) advance();
    read_sack_blocks();
    judge_loss_probe(duplicate);
    if (acked_ > 0) undo_if_spurious(tcb_, env_, segment_);
    update_window();
    note_progress();
    find_losses(duplicate);
    adjust_congestion_window();
    restart_timer();
  }

 private:
  // RFC 5681 section 2: the ACK tells nothing new, and is not a window update.
  [[nodiscard]] bool is_duplicate() const {
    return segment_.ack == tcb_.snd.una && tcb_.outstanding() > 0 && segment_.length() == 0 &&
           (std::uint32_t{segment_.window} << tcb_.snd.scale) == tcb_.snd.wnd;
  }

  void advance() {
    const SeqNum old_una = tcb_.snd.una;
    const bool syn = !tcb_.syn_acked;
    const bool fin = tcb_.fin_sent && !tcb_.fin_acked && segment_.ack == tcb_.snd.nxt;
    const std::uint32_t all = segment_.ack - old_una;
    const std::uint32_t text = all - (syn ? 1u : 0u) - (fin ? 1u : 0u);

    retire_records();
    tcb_.snd.una = segment_.ack;
    tcb_.syn_acked = true;
    tcb_.flight->send_queue.drop_front(env_.blocks, text);
    if (fin) tcb_.fin_acked = true;
    if (tcb_.urgent_sent && tcb_.snd.up <= tcb_.snd.una) tcb_.urgent_sent = false;
    tcb_.flight->reno_sacked -= std::min(tcb_.flight->reno_sacked, all);
    tcb_.flight->duplicate_acks = 0;
    tcb_.flight->timeouts = 0;
    acked_ = text;
    take_rtt_sample();
    note_acknowledged_text(tcb_, text);
  }

  // Takes the acknowledged records off. What the peer had SACKed before was counted and measured then.
  void retire_records() {
    while (!tcb_.flight->sent.empty()) {
      const SentRecord record = env_.sent[tcb_.flight->sent.head()];
      if (record.seq >= segment_.ack) break;
      if (!record.sacked) {
        delivered_ += min(record.end, segment_.ack) - record.seq;
        if (record.end <= segment_.ack) note_arrival(record);
      }
      tcb_.flight->sent.drop_front(env_.sent, segment_.ack);
      // Only the front of a record was sent again, for lack of memory to split it: now the rest has its turn.
      if (record.retransmitted && record.end > segment_.ack)
        tcb_.flight->sent.mark_lost(env_.sent, tcb_.flight->sent.head());
    }
  }

  void note_arrival(const SentRecord& record) {
    if (tcb_.selective_acks) rack_update(tcb_, record, segment_, now_);
    if (!record.retransmitted) {
      latest_sent_ = std::max(latest_sent_, record.sent_at);
    } else {
      acked_a_retransmission_ = true;
      if (echoes_last_transmission(tcb_, record, segment_)) latest_resent_ = std::max(latest_resent_, record.sent_at);
    }
  }

  // RFC 6298 section 3: from segments that were sent once. Only a sample ends the backing off (section 5): an RTO that
  // is too short makes every segment be sent twice, and so would never learn better. When a retransmission is
  // acknowledged too, whatever lay behind the hole was held back by it; then the echoed timestamp must prove which
  // transmission arrived (RFC 7323 section 4).
  void take_rtt_sample() {
    const Instant sent_at = acked_a_retransmission_ ? latest_resent_ : latest_sent_;
    if (sent_at == immediately) return;
    rtt_ = now_ - sent_at;
    take_sample(tcb_, rtt_);
  }

  void read_sack_blocks() {
    if (!tcb_.selective_acks) return;
    reports_duplicate_ = has_duplicate_report();
    if (reports_duplicate_) rack_note_duplicate(tcb_);
    std::array<wire::SackBlock, wire::SackBlocks::capacity> blocks;
    auto end = blocks.begin();
    const auto by_left = [](const wire::SackBlock& a, const wire::SackBlock& b) { return a.left < b.left; };
    // From the left to the right: what one acknowledgment tells of together was not reordered.
    for (const wire::SackBlock& block : segment_.options.sack) {
      if (!is_plausible(block)) continue;
      const auto place = std::upper_bound(blocks.begin(), end, block, by_left);
      std::move_backward(place, end, end + 1);
      *place = block;
      ++end;
    }
    std::for_each(blocks.begin(), end, [this](const wire::SackBlock& block) { mark_sacked(block); });
  }

  // RFC 2883: a block at or below the cumulative ACK tells of a duplicate. RFC 6675: nothing beyond SND.NXT can be
  // told.
  [[nodiscard]] bool is_plausible(const wire::SackBlock& block) const {
    return block.left < block.right && block.left > tcb_.snd.una && block.right <= tcb_.snd.nxt;
  }

  // RFC 2883 section 4: the first block lies below the cumulative ACK, or inside the second block.
  [[nodiscard]] bool has_duplicate_report() const {
    const wire::SackBlocks& sack = segment_.options.sack;
    if (sack.empty() || !(sack[0].left < sack[0].right)) return false;
    if (sack[0].right <= segment_.ack) return sack[0].right > segment_.ack - tcb_.snd.max_wnd;
    return sack.size() > 1 && sack[1].left <= sack[0].left && sack[0].right <= sack[1].right;
  }

  // RFC 8985 section 7.4: did the probe repair a loss, so that the path needs relief? An echoed timestamp tells at
  // once; without one, an acknowledgment beyond the probe does, unless the peer says that it had both copies.
  void judge_loss_probe(bool duplicate) {
    if (!tcb_.probe_out || segment_.ack < tcb_.flight->probe_end) return;
    const bool harmless = !tcb_.probe_repeats || reports_duplicate_ || duplicate;
    const bool repaired = tcb_.timestamps ? latest_resent_ != immediately : segment_.ack > tcb_.flight->probe_end;
    if (harmless || repaired || tcb_.timestamps) tcb_.probe_out = false;
    if (!harmless && repaired) reduce_once(tcb_, env_, outstanding_before_);
  }

  void mark_sacked(const wire::SackBlock& block) {
    for (RecordId id = tcb_.flight->sent.head(); id != no_record; id = env_.sent[id].next) {
      if (env_.sent[id].seq >= block.right) break;
      if (env_.sent[id].sacked || env_.sent[id].end <= block.left) continue;
      if (!cut_to(id, block)) continue;
      if (env_.sent[id].seq < block.left) continue;  // the part before the block; the next round takes the rest
      const SentRecord record = env_.sent[id];
      delivered_ += record.length();
      note_arrival(record);
      tcb_.flight->sent.mark_sacked(env_.sent, id);
    }
  }

  // Splits the record where the block begins or ends inside it. False when there is no memory to.
  bool cut_to(RecordId id, const wire::SackBlock& block) {
    const SentRecord& record = env_.sent[id];
    if (record.seq < block.left) return tcb_.flight->sent.split(env_.sent, id, block.left);
    if (record.end > block.right) return tcb_.flight->sent.split(env_.sent, id, block.right);
    return true;
  }

  // Deviation: RFC 9293 section 3.10.7.4 tells old windows by WL1 and WL2 alone. A retransmission has an old number and
  // yet, when it acknowledges something new, the newest window; without that, SND.UNA would carry the old one past the
  // edge that the peer offered.
  void update_window() {
    const bool newer = is_newer(tcb_, segment_.seq, segment_.ack);
    const bool advanced = tcb_.outstanding() < outstanding_before_;
    const bool was_too_small = tcb_.snd.wnd < tcb_.outstanding();
    if (segment_.ack >= tcb_.snd.una && (newer || advanced)) set_send_window(tcb_, segment_);
    if (was_too_small && tcb_.snd.wnd >= tcb_.outstanding()) forget_timeouts();
  }

  // The window has opened over text that it had no room for: that this was lost so often says nothing of the path.
  void forget_timeouts() {
    if (tcb_.flight->timeouts == 0 || tcb_.outstanding() == 0) return;
    tcb_.backoff = tcb_.flight->timeouts = 0;
    arm_retransmission(tcb_, env_, now_);
  }

  // Probes that are answered keep a connection with a closed window open (MUST-37).
  void note_progress() {
    const bool window_holds = tcb_.outstanding() >= tcb_.snd.wnd;
    const bool progress = delivered_ > 0 || window_holds || tcb_.outstanding() == 0;
    if (progress && tcb_.has_flight()) tcb_.flight->progress_at = now_;
  }

  void find_losses(bool duplicate) {
    if (tcb_.selective_acks) {
      if (delivered_ > 0 || tcb_.recovery != Recovery::open) found_loss_ = rack_detect_loss(tcb_, env_, now_);
    } else {
      count_duplicate(duplicate);
    }
  }

  // RFC 6582: the third duplicate tells of a loss, and each further one that a segment has left.
  void count_duplicate(bool duplicate) {
    if (duplicate) {
      const std::uint32_t room = tcb_.outstanding() - std::min(tcb_.outstanding(), tcb_.flight->reno_sacked);
      const std::uint32_t left = std::min(tcb_.mss(), room);
      tcb_.flight->reno_sacked += left;
      delivered_ += left;
      if (tcb_.flight->duplicate_acks < 255) ++tcb_.flight->duplicate_acks;
      constexpr int duplicate_threshold = 3;
      if (tcb_.flight->duplicate_acks == duplicate_threshold && tcb_.recovery == Recovery::open) mark_head_lost();
    } else if (acked_ > 0 && tcb_.recovery == Recovery::recovery && segment_.ack < tcb_.flight->recovery_point) {
      mark_head_lost();  // a partial acknowledgment: the next hole
    }
  }

  [[gnu::cold]] void mark_head_lost() {
    SentList& sent = tcb_.flight->sent;
    const SentRecord& record = env_.sent[sent.head()];  // one packet, which the device may have cut into many segments
    if (record.length() > tcb_.mss() + 1) sent.split(env_.sent, sent.head(), record.seq + tcb_.mss());
    sent.mark_lost(env_.sent, sent.head());
    found_loss_ = true;
  }

  void adjust_congestion_window() {
    const bool ends = tcb_.recovery != Recovery::open && tcb_.snd.una >= tcb_.flight->recovery_point;
    // RFC 6582 section 3.2 step 3: the ACK that ends fast recovery only takes the window down to ssthresh.
    const bool ends_fast_recovery = ends && tcb_.recovery == Recovery::recovery;
    if (ends) leave_recovery(tcb_);
    const bool congested = react_to_congestion_echo();
    if (found_loss_ && tcb_.recovery == Recovery::open) enter_recovery(tcb_, env_, outstanding_before_, now_);
    if (tcb_.recovery == Recovery::recovery) {
      reduce_proportionally(tcb_, delivered_, acked_ > 0 && !found_loss_);
    } else if (!ends_fast_recovery && !congested) {
      grow_congestion_window(tcb_, env_, credit(), rtt_, now_);
    }
  }

  // RFC 3168 section 6.1.2: as to a loss, but once for each window of text.
  // Returns whether it was echoed: then the window does not grow either.
  bool react_to_congestion_echo() {
    const bool echoed = tcb_.ecn && segment_.flags.has(wire::Flag::ece) && !segment_.syn();
    if (!echoed || tcb_.recovery != Recovery::open || tcb_.is_in_flight(tcb_.ecn_point)) return echoed;
    tcb_.ecn_point = tcb_.snd.nxt;
    tcb_.window_reduced = true;
    reduce_once(tcb_, env_, flight_before_);
    return true;
  }

  // What the window may grow by: text that this ACK is the first to tell of. What was SACKed before counts then only
  // where the path is known to reorder; else it may mean a loss.
  [[nodiscard]] std::uint32_t credit() const {
    if (!tcb_.selective_acks) return acked_ - std::min(acked_, reno_sacked_before_);
    if (acked_ > 0) return std::min(acked_, delivered_);
    return tcb_.reordering_seen ? delivered_ : 0;
  }

  // RFC 6298 (5.2), (5.3). The reordering timer, when RACK armed it just now, comes first. Without SACK, duplicates do
  // not count: each lets new text out that brings the next one, and a retransmission lost again would wait for ever.
  void restart_timer() {
    const bool news = acked_ > 0 || (tcb_.selective_acks && delivered_ > 0);
    if (tcb_.outstanding() == 0) {
      if (tcb_.timer != Timer::persist) stop_timer(tcb_);
    } else if (news && tcb_.timer != Timer::reordering) {
      arm_loss_timer(tcb_, env_, now_);
    }
  }

  Tcb& tcb_;
  const wire::Segment& segment_;
  Environment& env_;
  Instant now_;
  std::uint32_t flight_before_;       // as the sender estimates, losses and SACKed octets taken off
  std::uint32_t outstanding_before_;  // RFC 5681's FlightSize
  std::uint32_t reno_sacked_before_;
  std::uint32_t acked_ = 0;              // octets of text newly acknowledged
  std::uint32_t delivered_ = 0;          // octets newly known to have arrived, SACKed ones included
  Instant latest_sent_ = immediately;    // of the records acknowledged that were sent once
  Instant latest_resent_ = immediately;  // of those whose retransmission is known to have arrived
  Duration rtt_{};
  bool acked_a_retransmission_ = false;
  bool reports_duplicate_ = false;
  bool found_loss_ = false;
};

// --- In short.

// Nothing is in flight: so it is with a peer that sends and does not receive.
void take_window(Tcb& tcb, SeqNum seq, SeqNum ack, std::uint32_t window, Instant now) {
  if (ack >= tcb.snd.una && is_newer(tcb, seq, ack)) set_send_window(tcb, seq, ack, window);
  if (!tcb.has_flight()) return;
  tcb.flight->progress_at = now;
  if (tcb.timer != Timer::persist) stop_timer(tcb);
}

/// Whether what is in flight is one segment, which was sent once.
bool is_one_segment(const Tcb& tcb, Environment& env) {
  const Flight& flight = *tcb.flight;
  if (flight.sent.head() != flight.sent.tail()) return false;
  const SentRecord& record = env.sent[flight.sent.head()];
  return !(record.retransmitted | record.sacked | record.lost) && flight.reno_sacked == 0;
}

// What was written meanwhile is still to be sent. Why not inline: it is rare, and would weigh on whom it is called by.
[[gnu::noinline]] void begin_next_flight(Tcb& tcb, std::uint32_t text, Instant sent_at, Environment& env, Instant now) {
  Flight& flight = *tcb.flight;
  flight.send_queue.drop_front(env.blocks, text);
  flight.sent.clear(env.sent);
  flight.duplicate_acks = flight.timeouts = 0;
  flight.progress_at = now;
  stop_timer(tcb);
  if (!tcb.selective_acks) return;
  flight.rack_end = flight.rack_highest = tcb.snd.una;
  flight.rack_sent_at = sent_at;
  flight.rack_rtt = now - sent_at;
}

// All that was in flight has arrived. When nothing else was written, there is no flight any more.
void take_end_of_flight(Tcb& tcb, std::uint32_t text, Environment& env, Instant now) {
  const Instant sent_at = env.sent[tcb.flight->sent.head()].sent_at;
  tcb.snd.una = tcb.snd.nxt;
  tcb.syn_acked = true;
  tcb.fin_acked = tcb.fin_sent;
  take_sample(tcb, now - sent_at);
  note_acknowledged_text(tcb, text);
  grow_congestion_window(tcb, env, text, now - sent_at, now);
  if (text == tcb.flight->send_queue.size()) return drop_flight(tcb, env);
  begin_next_flight(tcb, text, sent_at, env, now);
}

}  // namespace

void set_send_window(Tcb& tcb, SeqNum seq, SeqNum ack, std::uint32_t window) {
  tcb.snd.wnd = window;
  tcb.snd.max_wnd = std::max(tcb.snd.max_wnd, window);
  tcb.snd.wl1 = seq;
  tcb.snd.wl2 = ack;
}

void set_send_window(Tcb& tcb, const wire::Segment& segment) {
  const std::uint32_t scale = segment.syn() ? 0 : tcb.snd.scale;  // RFC 7323 section 2.2: never scaled in a SYN
  set_send_window(tcb, segment.seq, segment.ack, std::uint32_t{segment.window} << scale);
}

bool process_plain_acknowledgment(Tcb& tcb, SeqNum seq, SeqNum ack, std::uint32_t window, Environment& env,
                                  Instant now) {
  if (tcb.recovery != Recovery::open || tcb.probe_out) return false;
  const std::uint32_t outstanding = tcb.outstanding();
  if (outstanding == 0) {
    take_window(tcb, seq, ack, window, now);
    return true;
  }
  const std::uint32_t text = outstanding - (tcb.syn_acked ? 0u : 1u) - (tcb.fin_sent ? 1u : 0u);
  if (ack != tcb.snd.nxt || tcb.may_undo || tcb.urgent_sent || !is_one_segment(tcb, env)) return false;
  take_end_of_flight(tcb, text, env, now);
  set_send_window(tcb, seq, ack, window);
  return true;
}

void process_acknowledgment(Tcb& tcb, const wire::Segment& segment, Environment& env, Instant now) {
  const bool is_plain = segment.options.sack.empty() && !segment.flags.has(wire::Flag::ece) && !segment.syn();
  const std::uint32_t window = std::uint32_t{segment.window} << tcb.snd.scale;
  if (is_plain && process_plain_acknowledgment(tcb, segment.seq, segment.ack, window, env, now)) return;
  process_acknowledgment_by_steps(tcb, segment, env, now);
}

void process_acknowledgment_by_steps(Tcb& tcb, const wire::Segment& segment, Environment& env, Instant now) {
  Acknowledgment{tcb, segment, env, now}.process();
  end_flight_when_idle(tcb, env);
}

}  // namespace backstop::tcp
