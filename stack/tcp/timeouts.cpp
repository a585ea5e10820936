#include "stack/tcp/timeouts.hpp"

#include <algorithm>

#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/loss_detection.hpp"
#include "stack/tcp/path_mtu.hpp"
#include "stack/tcp/recovery.hpp"

namespace backstop::tcp {
namespace {

Duration backed_off_rto(const Tcb& tcb, const Environment& env) {
  const Duration rto = tcb.rtt.rto(env.parameters);
  const Duration limit = env.parameters.maximum_rto;
  // Why 16: doubled that often, any RTO is past the limit; a larger shift could overflow.
  const Duration doubled = rto * (std::int64_t{1} << std::min<std::uint8_t>(tcb.backoff, 16));
  return std::min(doubled, limit);
}

Duration patience_without_progress(const Tcb& tcb, const Environment& env) {
  if (tcb.state == State::syn_sent) return env.parameters.syn_timeout;
  if (tcb.state == State::syn_received)
    return tcb.passive ? env.parameters.half_open_timeout : env.parameters.syn_timeout;
  return env.options(tcb).user_timeout;
}

// Why: users say "never" with the largest duration there is, and a sum with it has no meaning. A century is never.
Instant after(Instant begin, Duration wait) {
  constexpr Duration century = std::chrono::hours{24 * 365 * 100};
  return wait < century ? begin + wait : never;
}

/// R2: when patience with a peer that acknowledges nothing ends.
Instant give_up_at(const Tcb& tcb, const Environment& env) {
  return after(tcb.flight->progress_at, patience_without_progress(tcb, env));
}

/// When an RTO from `now` on has passed, or patience ends.
Instant rto_from(const Tcb& tcb, const Environment& env, Instant now) {
  return std::min(now + backed_off_rto(tcb, env), std::max(now, give_up_at(tcb, env)));
}

// RFC 6298 (5.4) to (5.6).
[[gnu::cold]] void retransmission_timeout(Tcb& tcb, Environment& env, Instant now) {
  if (now >= give_up_at(tcb, env)) return fail(tcb, env, Error::user_timeout);
  ++env.counters.retransmission_timeouts;
  enter_loss(tcb, env, now);
  if (tcb.backoff < 255) ++tcb.backoff;
  if (tcb.flight->timeouts < 255) ++tcb.flight->timeouts;
  if (tcb.flight->timeouts == env.options(tcb).advise_after) report_error(tcb, env, Error::excessive_retransmissions);
  suspect_black_hole(tcb, env);
  arm_retransmission(tcb, env, now);
}

[[gnu::cold]] void reordering_timeout(Tcb& tcb, Environment& env, Instant now) {
  arm_retransmission(tcb, env, now);
  if (!rack_detect_loss(tcb, env, now) || tcb.recovery != Recovery::open) return;
  enter_recovery(tcb, env, tcb.outstanding(), now);
  reduce_proportionally(tcb, 0, false);
}

[[gnu::cold]] void loss_probe_timeout(Tcb& tcb, Environment& env, Instant now) {
  tcb.probe_loss = true;
  arm_retransmission(tcb, env, now);
}

// RFC 8985 section 7.2: once in a flight, with nothing lost or reported out of order.
bool may_probe_loss(const Tcb& tcb) {
  return tcb.selective_acks && tcb.recovery == Recovery::open && !tcb.probe_out && is_synchronized(tcb.state) &&
         tcb.rtt.has_sample() && tcb.flight->sent.sacked_bytes() == 0 && tcb.flight->sent.lost_bytes() == 0;
}

Duration loss_probe_timeout_of(const Tcb& tcb) {
  // Why: how long a peer may sit on its acknowledgment of a lone segment.
  constexpr Duration worst_delayed_ack = std::chrono::milliseconds{200};
  constexpr Duration least = std::chrono::milliseconds{2};  // Why: a scheduler's tick on both sides
  const Duration twice = 2 * tcb.rtt.srtt() + least;
  return tcb.outstanding() <= tcb.mss() ? twice + worst_delayed_ack : twice;
}

[[gnu::cold]] void persist_timeout(Tcb& tcb, Environment& env, Instant now) {
  if (now >= give_up_at(tcb, env)) return fail(tcb, env, Error::user_timeout);
  tcb.probe_window = true;
  if (tcb.backoff < 255) ++tcb.backoff;
  arm_persist(tcb, env, now);
}

void timer_fires(Tcb& tcb, Environment& env, Instant now) {
  switch (tcb.timer) {
    case Timer::off:
      break;
    case Timer::retransmission:
      return retransmission_timeout(tcb, env, now);
    case Timer::loss_probe:
      return loss_probe_timeout(tcb, env, now);
    case Timer::reordering:
      return reordering_timeout(tcb, env, now);
    case Timer::persist:
      return persist_timeout(tcb, env, now);
  }
}

// MUST-26: only when nothing is outstanding and nothing was heard for the interval. Text that waits for a window is
// watched already: its probes find out as much, and end at the user timeout. That, counted from the first probe, ends
// this too.
[[gnu::cold]] void keep_alive_timeout(Tcb& tcb, Environment& env, Instant now) {
  const ConnectionOptions& options = env.options(tcb);
  const bool is_watched = tcb.outstanding() > 0 || tcb.unsent() > 0;
  if (is_watched || now < after(tcb.heard_at, options.keep_alive_idle)) return watch_idle(tcb, env, now);
  const Duration waited = tcb.keep_alive_probes * options.keep_alive_interval;
  const bool probes_used_up = tcb.keep_alive_probes >= options.keep_alive_probes;
  if (probes_used_up || waited >= options.user_timeout) return fail(tcb, env, Error::user_timeout);
  ++tcb.keep_alive_probes;
  tcb.probe_alive = true;
  tcb.slow_at = now + std::min(options.keep_alive_interval, options.user_timeout - waited);
}

void slow_timer_fires(Tcb& tcb, Environment& env, Instant now) {
  tcb.slow_at = never;
  if (tcb.state == State::time_wait) return finish(tcb, env);
  if (tcb.state == State::fin_wait_2 && !tcb.attached) return finish(tcb, env);
  if (env.options(tcb).keep_alive && is_synchronized(tcb.state)) keep_alive_timeout(tcb, env, now);
}

}  // namespace

Instant next_deadline(const Tcb& tcb) {
  return std::min(std::min(tcb.flight->timer_at, tcb.delayed_ack_at), tcb.slow_at);
}

void handle_timeouts(Tcb& tcb, Environment& env, Instant now) {
  if (tcb.delayed_ack_at <= now) {
    tcb.delayed_ack_at = never;
    if (tcb.ack_owed == AckOwed::delayed) tcb.ack_owed = AckOwed::now;
  }
  if (tcb.flight->timer_at <= now) {
    tcb.flight->timer_at = never;
    timer_fires(tcb, env, now);
  }
  if (tcb.slow_at <= now && tcb.state != State::closed) slow_timer_fires(tcb, env, now);
}

void arm_retransmission(Tcb& tcb, const Environment& env, Instant now) {
  if (tcb.timer == Timer::persist) tcb.backoff = 0;  // how often a closed window was probed says nothing of the path
  tcb.timer = Timer::retransmission;
  tcb.flight->timer_at = rto_from(tcb, env, now);
}

void arm_loss_timer(Tcb& tcb, const Environment& env, Instant now) {
  arm_retransmission(tcb, env, now);
  if (!may_probe_loss(tcb)) return;
  // RFC 8985 section 7.2: never later than the timeout that it comes in place of.
  tcb.timer = Timer::loss_probe;
  tcb.flight->timer_at = std::min(tcb.flight->timer_at, now + loss_probe_timeout_of(tcb));
}

void arm_persist(Tcb& tcb, const Environment& env, Instant now) {
  tcb.timer = Timer::persist;
  tcb.flight->timer_at = rto_from(tcb, env, now);
}

void stop_timer(Tcb& tcb) {
  tcb.timer = Timer::off;
  if (tcb.has_flight()) tcb.flight->timer_at = never;
}

void watch_idle(Tcb& tcb, const Environment& env, Instant now) {
  const ConnectionOptions& options = env.options(tcb);
  if (tcb.state == State::time_wait) return;  // which has its own end
  if (tcb.state == State::fin_wait_2 && !tcb.attached) {
    tcb.slow_at = after(now, options.fin_wait_2_timeout);
  } else if (options.keep_alive) {
    const Instant due = after(tcb.heard_at, options.keep_alive_idle);
    tcb.slow_at = due > now ? due : after(now, options.keep_alive_idle);
  }
}

std::uint32_t timestamp_clock(Instant now) {
  const auto ticks = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  return static_cast<std::uint32_t>(ticks);
}

std::uint32_t timestamp_now(const Tcb& tcb, Instant now) { return timestamp_clock(now) + tcb.ts_offset; }

}  // namespace backstop::tcp
