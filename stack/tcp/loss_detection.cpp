#include "stack/tcp/loss_detection.hpp"

#include <algorithm>

#include "stack/tcp/timeouts.hpp"

namespace backstop::tcp {
namespace {

// RFC 8985 section 5.2: sent later, or at the same time and behind it.
bool sent_after(Instant a_time, SeqNum a_end, Instant b_time, SeqNum b_end) {
  return a_time > b_time || (a_time == b_time && a_end > b_end);
}

// An acknowledgment of a retransmitted segment may be for an earlier transmission: then the time is no measurement.
// Deviation: RFC 8985 section 6.2 step 2 asks the echoed timestamp of every acknowledgment. A SACK block's proves
// nothing: text behind a hole does not change what the peer echoes (RFC 7323 section 4.3), so by that rule a
// retransmission that is lost again behind another hole would wait for the timer. A retransmission is at least a round
// trip younger than the original, and the smallest round trip tells them apart, as in deployed stacks.
bool ambiguous(const Tcb& tcb, const SentRecord& record, const wire::Segment& segment, Instant now) {
  if (!record.retransmitted) return false;
  if (now - record.sent_at < tcb.rtt.minimum()) return true;
  const bool cumulative = record.end <= segment.ack;
  return cumulative && tcb.timestamps && !echoes_last_transmission(tcb, record, segment);
}

// RFC 8985 section 6.2 step 4: no patience while enough segments say that one is missing and none was ever reordered.
Duration reordering_window(const Tcb& tcb) {
  constexpr std::uint32_t duplicate_threshold = 3;
  const bool enough = tcb.flight->sent.sacked_bytes() >= duplicate_threshold * tcb.mss();
  if (!tcb.reordering_seen && (tcb.recovery != Recovery::open || enough)) return {};
  return std::min(tcb.reordering_steps * tcb.rtt.minimum() / 4, tcb.rtt.srtt());
}

}  // namespace

bool echoes_last_transmission(const Tcb& tcb, const SentRecord& record, const wire::Segment& segment) {
  if (!tcb.timestamps || !segment.options.timestamps) return false;
  return static_cast<std::int32_t>(segment.options.timestamps->echo - timestamp_now(tcb, record.sent_at)) >= 0;
}

void rack_update(Tcb& tcb, const SentRecord& record, const wire::Segment& segment, Instant now) {
  if (record.end > tcb.flight->rack_highest) {
    tcb.flight->rack_highest = record.end;
  } else if (record.end < tcb.flight->rack_highest && !record.retransmitted) {
    tcb.reordering_seen = true;
  }
  if (ambiguous(tcb, record, segment, now)) return;
  tcb.flight->rack_rtt = now - record.sent_at;  // of whatever has just arrived (RFC 8985 section 6.2 step 2)
  if (!sent_after(record.sent_at, record.end, tcb.flight->rack_sent_at, tcb.flight->rack_end)) return;
  tcb.flight->rack_sent_at = record.sent_at;
  tcb.flight->rack_end = record.end;
}

void rack_note_duplicate(Tcb& tcb) {
  constexpr std::uint8_t recoveries_to_keep = 16;
  constexpr std::uint8_t most_steps = 16;  // Why: four smallest RTTs; the smoothed RTT bounds it anyway
  tcb.reordering_seen = true;
  if (tcb.is_in_flight(tcb.reordering_round)) return;
  tcb.reordering_round = tcb.snd.nxt;
  tcb.reordering_lasts = recoveries_to_keep;
  tcb.reordering_steps = std::min<std::uint8_t>(most_steps, static_cast<std::uint8_t>(tcb.reordering_steps + 1));
}

bool rack_detect_loss(Tcb& tcb, Environment& env, Instant now) {
  bool found = false;
  Instant next = never;
  const Duration patience = tcb.flight->rack_rtt + reordering_window(tcb);
  for (RecordId id = tcb.flight->sent.head(); id != no_record; id = env.sent[id].next) {
    const SentRecord& record = env.sent[id];
    if (record.sacked || record.lost) continue;
    if (!sent_after(tcb.flight->rack_sent_at, tcb.flight->rack_end, record.sent_at, record.end)) {
      // What is behind a first transmission was sent after it. Why: without loss the walk ends at once.
      if (!record.retransmitted) break;
      continue;
    }
    const Instant lost_at = record.sent_at + patience;
    if (lost_at <= now) {
      tcb.flight->sent.mark_lost(env.sent, id);
      found = true;
    } else {
      next = std::min(next, lost_at);
    }
  }
  if (next != never) {
    tcb.timer = Timer::reordering;
    tcb.flight->timer_at = next;
  } else if (tcb.timer == Timer::reordering) {
    arm_retransmission(tcb, env, now);
  }
  return found;
}

}  // namespace backstop::tcp
