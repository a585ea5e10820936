#include "stack/tcp/lifecycle.hpp"

#include <utility>

#include "stack/tcp/right_sizing.hpp"
#include "stack/tcp/timeouts.hpp"

namespace backstop::tcp {
void begin_flight(Tcb& tcb, Environment& env) {
  if (tcb.has_flight()) return;
  tcb.flight = env.flights.take();
  tcb.flight->rack_end = tcb.flight->rack_highest = tcb.snd.una;
  tcb.flight->small_end = tcb.flight->window_round = tcb.snd.una;
}

void end_flight_when_idle(Tcb& tcb, Environment& env) {
  if (!tcb.has_flight() || tcb.outstanding() > 0 || tcb.flight->send_queue.size() > 0) return;
  // The peer may still tell what a loss probe has found out, or that a loss was none.
  if (tcb.probe_out || tcb.may_undo || tcb.recovery != Recovery::open) return;
  drop_flight(tcb, env);
}

void drop_flight(Tcb& tcb, Environment& env) {
  if (!tcb.has_flight()) return;
  tcb.flight->send_queue.clear(env.blocks);
  tcb.flight->sent.clear(env.sent);
  tcb.timer = Timer::off;
  env.flights.give_back(std::exchange(tcb.flight, Tcb{}.flight));
}

[[gnu::noinline]] void establish(Tcb& tcb, Environment& env, Instant now) {
  tcb.enter(State::established);
  tcb.ever_established = true;
  tcb.news.established = tcb.news.writable = true;
  tcb.quick_acks = env.parameters.quick_acks;
  tcb.heard_at = now;
  tcb.sent_at = now;  // idle, if nothing is sent, from here on
  if (tcb.has_flight()) tcb.flight->progress_at = now;
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
    drop_flight(tcb, env);
    drop_history(tcb.congestion, env.histories);
    tcb.delayed_ack_at = never;
  }
  tcb.slow_at = now + 2 * env.parameters.msl;
}

void finish(Tcb& tcb, Environment& env) {
  tcb.enter(State::closed);
  drop_flight(tcb, env);
  drop_history(tcb.congestion, env.histories);
  tcb.receive_queue.drop_out_of_order(env.blocks);
  tcb.ack_owed = AckOwed::no;
  tcb.delayed_ack_at = tcb.slow_at = never;
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
