#include "stack/tcp/recovery.hpp"

#include <algorithm>

namespace backstop::tcp {

void enter_recovery(Tcb& tcb, std::uint32_t in_flight) {
  tcb.recovery = Recovery::recovery;
  tcb.recovery_point = tcb.snd.nxt;
  tcb.congestion.ssthresh = new_reno().threshold_after_loss(tcb.congestion, in_flight, tcb.mss());
  tcb.prr_delivered = 0;
  tcb.prr_out = 0;
  tcb.prr_flight = std::max(in_flight, tcb.mss());
}

void enter_loss(Tcb& tcb, Environment& env) {
  if (tcb.recovery != Recovery::loss || tcb.snd.una >= tcb.recovery_point) {
    tcb.congestion.ssthresh = new_reno().threshold_after_loss(tcb.congestion, tcb.in_flight(), tcb.mss());
  }
  tcb.recovery = Recovery::loss;
  tcb.recovery_point = tcb.snd.nxt;
  tcb.congestion.cwnd = tcb.mss();
  tcb.reno_sacked = 0;
  tcb.duplicate_acks = 0;
  tcb.sent.mark_all_lost(env.sent);
}

void leave_recovery(Tcb& tcb) {
  // RFC 6582 section 3.2 step 3: no burst into a pipe that has drained meanwhile.
  if (tcb.recovery == Recovery::recovery) tcb.congestion.cwnd = tcb.congestion.ssthresh;
  tcb.recovery = Recovery::open;
  tcb.reno_sacked = 0;
  tcb.duplicate_acks = 0;
}

void reduce_proportionally(Tcb& tcb, std::uint32_t delivered, bool safe) {
  tcb.prr_delivered += delivered;
  const std::uint32_t pipe = tcb.in_flight();
  const std::uint32_t ssthresh = tcb.congestion.ssthresh;
  std::uint64_t may_send = 0;
  if (pipe > ssthresh) {
    const std::uint64_t share = (std::uint64_t{tcb.prr_delivered} * ssthresh + tcb.prr_flight - 1) / tcb.prr_flight;
    may_send = share > tcb.prr_out ? share - tcb.prr_out : 0;
  } else {
    const std::uint32_t owed = tcb.prr_delivered > tcb.prr_out ? tcb.prr_delivered - tcb.prr_out : 0;
    may_send = std::max(owed, delivered) + (safe ? tcb.mss() : 0);
    may_send = std::min<std::uint64_t>(may_send, ssthresh - pipe);
  }
  if (tcb.prr_out == 0) may_send = std::max<std::uint64_t>(may_send, tcb.mss());  // the fast retransmit itself
  tcb.congestion.cwnd = static_cast<std::uint32_t>(pipe + may_send);
}

}  // namespace backstop::tcp
