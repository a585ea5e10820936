#include "stack/tcp/recovery.hpp"

#include <algorithm>

#include "stack/tcp/timeouts.hpp"

namespace backstop::tcp {

namespace {

std::uint32_t threshold_after_loss(Tcb& tcb, Environment& env, std::uint32_t flight_size) {
  begin_history(tcb.congestion, env.histories);
  const CongestionControl& control = congestion_control(env.options(tcb).congestion);
  return control.threshold_after_loss(tcb.congestion, flight_size, tcb.mss());
}

void remember_for_undo(Tcb& tcb, Instant now) {
  tcb.may_undo = tcb.timestamps;
  tcb.flight->undo_timestamp = timestamp_now(tcb, now);
  tcb.flight->undo_cwnd = tcb.congestion.cwnd;
  tcb.flight->undo_ssthresh = tcb.congestion.ssthresh;
}

}  // namespace

void enter_recovery(Tcb& tcb, Environment& env, std::uint32_t flight_size, Instant now) {
  remember_for_undo(tcb, now);
  tcb.recovery = Recovery::recovery;
  tcb.flight->recovery_point = tcb.snd.nxt;
  tcb.congestion.ssthresh = threshold_after_loss(tcb, env, flight_size);
  tcb.flight->prr_delivered = 0;
  tcb.flight->prr_out = 0;
  tcb.flight->prr_flight = std::max(flight_size, tcb.mss());
}

void enter_loss(Tcb& tcb, Environment& env, Instant now) {
  const bool again = tcb.recovery != Recovery::open && tcb.snd.una < tcb.flight->recovery_point;
  if (tcb.recovery == Recovery::open) remember_for_undo(tcb, now);
  if (!again) {
    tcb.congestion.ssthresh = threshold_after_loss(tcb, env, tcb.outstanding());
  }
  tcb.recovery = Recovery::loss;
  tcb.flight->recovery_point = tcb.snd.nxt;
  tcb.congestion.cwnd = tcb.mss();
  tcb.flight->reno_sacked = 0;
  tcb.flight->duplicate_acks = 0;
  tcb.probe_out = false;
  // RFC 2018 section 8: text at SND.UNA that was reported and not acknowledged is no longer there.
  if (!tcb.flight->sent.empty() && env.sent[tcb.flight->sent.head()].sacked) tcb.flight->sent.forget_sacks(env.sent);
  tcb.flight->sent.mark_all_lost(env.sent);
}

void reduce_once(Tcb& tcb, Environment& env, std::uint32_t flight_size) {
  tcb.congestion.ssthresh = threshold_after_loss(tcb, env, flight_size);
  tcb.congestion.cwnd = std::min(tcb.congestion.cwnd, tcb.congestion.ssthresh);
}

void undo_if_spurious(Tcb& tcb, Environment& env, const wire::Segment& segment) {
  if (!tcb.may_undo || !segment.options.timestamps) return;
  tcb.may_undo = false;  // only the first acknowledgment that advances can tell
  if (static_cast<std::int32_t>(segment.options.timestamps->echo - tcb.flight->undo_timestamp) >= 0) return;
  tcb.congestion.cwnd = std::max(tcb.congestion.cwnd, tcb.flight->undo_cwnd);
  tcb.congestion.ssthresh = tcb.flight->undo_ssthresh;
  tcb.recovery = Recovery::open;
  tcb.reordering_seen = true;
  tcb.flight->sent.forget_losses(env.sent);
}

void leave_recovery(Tcb& tcb) {
  // RFC 6582 section 3.2 step 3: no burst into a pipe that has drained meanwhile.
  if (tcb.recovery == Recovery::recovery) tcb.congestion.cwnd = tcb.congestion.ssthresh;
  tcb.recovery = Recovery::open;
  tcb.may_undo = false;
  tcb.flight->reno_sacked = 0;
  tcb.flight->duplicate_acks = 0;
  if (tcb.reordering_lasts > 0 && --tcb.reordering_lasts == 0) tcb.reordering_steps = 1;
}

void reduce_proportionally(Tcb& tcb, std::uint32_t delivered, bool safe) {
  tcb.flight->prr_delivered += delivered;
  const std::uint32_t pipe = tcb.in_flight();
  const std::uint32_t ssthresh = tcb.congestion.ssthresh;
  std::uint64_t may_send = 0;
  if (pipe > ssthresh) {
    const std::uint64_t share =
        (std::uint64_t{tcb.flight->prr_delivered} * ssthresh + tcb.flight->prr_flight - 1) / tcb.flight->prr_flight;
    may_send = share > tcb.flight->prr_out ? share - tcb.flight->prr_out : 0;
  } else {
    const std::uint32_t owed =
        tcb.flight->prr_delivered > tcb.flight->prr_out ? tcb.flight->prr_delivered - tcb.flight->prr_out : 0;
    may_send = std::max(owed, delivered) + (safe ? tcb.mss() : 0);
    may_send = std::min<std::uint64_t>(may_send, ssthresh - pipe);
  }
  if (tcb.flight->prr_out == 0) may_send = std::max<std::uint64_t>(may_send, tcb.mss());  // the fast retransmit itself
  // Why not less than a segment: with nothing in flight and nothing owed, only a timeout would ever open it again.
  tcb.congestion.cwnd = static_cast<std::uint32_t>(std::max<std::uint64_t>(pipe + may_send, tcb.mss()));
}

}  // namespace backstop::tcp
