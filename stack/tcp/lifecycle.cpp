#include "stack/tcp/lifecycle.hpp"

#include "stack/tcp/right_sizing.hpp"
#include "stack/tcp/timeouts.hpp"

namespace backstop::tcp {
void establish(Tcb& tcb, Environment& env, Instant now) {
  tcb.enter(State::established);
  tcb.ever_established = true;
  tcb.news.established = tcb.news.writable = true;
  tcb.quick_acks = env.parameters.quick_acks;
  tcb.heard_at = tcb.progress_at = now;
  begin_round(tcb, now);
  // RFC 6928 section 2, RFC 5681 section 3.1: a SYN that was lost costs the larger initial window.
  const bool syn_was_lost = tcb.recovery == Recovery::loss;
  tcb.congestion.cwnd = syn_was_lost ? tcb.mss() : initial_window(env.parameters.initial_window, tcb.mss());
  tcb.congestion.ssthresh = CongestionState{}.ssthresh;
  tcb.recovery = Recovery::open;
  ++env.counters.connections_established;
  tcb.slow_at = never;
  watch_idle(tcb, env, now);
  if (tcb.fin_queued) tcb.enter(State::fin_wait_1);
}

void enter_time_wait(Tcb& tcb, Environment& env, Instant now) {
  if (tcb.state != State::time_wait) {
    tcb.enter(State::time_wait);
    tcb.send_queue.clear(env.blocks);
    tcb.sent.clear(env.sent);
    tcb.delayed_ack_at = tcb.slow_at = never;
  }
  tcb.timer = Timer::time_wait;
  tcb.timer_at = now + 2 * env.parameters.msl;
}

void finish(Tcb& tcb, Environment& env) {
  tcb.enter(State::closed);
  tcb.send_queue.clear(env.blocks);
  tcb.sent.clear(env.sent);
  tcb.receive_queue.drop_out_of_order(env.blocks);
  tcb.ack_owed = AckOwed::no;
  tcb.timer_at = tcb.delayed_ack_at = tcb.slow_at = never;
  tcb.timer = Timer::off;
  tcb.news.closed = tcb.news.readable = tcb.news.writable = true;
}

void fail(Tcb& tcb, Environment& env, Error error) {
  finish(tcb, env);
  tcb.receive_queue.clear(env.blocks);
  tcb.error = error;
}

void report_error(Tcb& tcb, const Environment& env, Error error) {
  tcb.soft_error = error;
  if (env.options(tcb).error_reports) tcb.news.error_reported = true;
}

}  // namespace backstop::tcp
