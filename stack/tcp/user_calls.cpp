#include "stack/tcp/user_calls.hpp"

#include <algorithm>
#include <utility>

#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/output.hpp"
#include "stack/tcp/right_sizing.hpp"
#include "stack/tcp/segment_arrives.hpp"
#include "stack/tcp/timeouts.hpp"

namespace backstop::tcp {
namespace {

Error ended_with(const Tcb& tcb) { return tcb.error.value_or(Error::connection_closing); }

// Whether text can never be taken any more.
std::optional<Error> refusal(const Tcb& tcb) {
  if (tcb.state == State::closed) return ended_with(tcb);
  if (tcb.fin_queued) return Error::connection_closing;
  return std::nullopt;
}

// Octets that the send buffer has room for. The pool may have less.
std::uint32_t begin_writing(Tcb& tcb, Environment& env) {
  begin_flight(tcb, env);
  const std::uint32_t limit = env.options(tcb).send_buffer;
  const std::uint32_t held = tcb.flight->send_queue.size();
  return held < limit ? limit - held : 0;
}

bool has_ended(const Tcb& tcb) { return tcb.fin_received || tcb.state == State::closed; }

void forget_urgent_text_read(Tcb& tcb) {
  if (tcb.urgent && tcb.rcv.up <= tcb.receive_queue.front()) tcb.urgent = false;
}

}  // namespace

void open_actively(Tcb& tcb, const FourTuple& tuple, SeqNum iss, std::uint32_t ts_offset, Environment& env,
                   Instant now) {
  begin_open(tcb, tuple, iss, ts_offset, env, now);
  tcb.ecn = env.parameters.ecn == Ecn::offer;
  tcb.rcv.wnd = first_window(tcb, env);
  tcb.enter(State::syn_sent);
}

std::expected<std::size_t, Error> write(Tcb& tcb, Bytes text, Environment& env) {
  if (const auto error = refusal(tcb)) return std::unexpected(*error);
  const Bytes fitting = text.first(std::min<std::size_t>(text.size(), begin_writing(tcb, env)));
  const std::size_t taken = tcb.flight->send_queue.write(env.blocks, fitting);
  if (taken < text.size()) tcb.writer_waits = true;
  if (taken == 0) return std::unexpected(Error::would_block);
  return taken;
}

std::expected<MutableBytes, Error> write_space(Tcb& tcb, Environment& env) {
  if (const auto error = refusal(tcb)) return std::unexpected(*error);
  const std::uint32_t room = begin_writing(tcb, env);
  const MutableBytes space = room > 0 ? tcb.flight->send_queue.space(env.blocks) : MutableBytes{};
  if (space.empty()) {
    tcb.writer_waits = true;
    return std::unexpected(Error::would_block);
  }
  return space.first(std::min<std::size_t>(space.size(), room));
}

bool commit(Tcb& tcb, std::uint32_t size) {
  if (tcb.fin_queued || !tcb.has_flight()) return false;
  tcb.flight->send_queue.commit(size);
  return true;
}

std::expected<std::size_t, Error> read(Tcb& tcb, MutableBytes buffer, Environment& env) {
  if (tcb.error) return std::unexpected(*tcb.error);
  const std::size_t taken = tcb.receive_queue.read(env.blocks, buffer);
  if (taken == 0 && !has_ended(tcb)) return std::unexpected(Error::would_block);
  forget_urgent_text_read(tcb);
  return taken;
}

std::expected<Bytes, Error> peek(const Tcb& tcb, const Environment& env) {
  if (tcb.error) return std::unexpected(*tcb.error);
  const Bytes text = tcb.receive_queue.peek(env.blocks);
  if (text.empty() && !has_ended(tcb)) return std::unexpected(Error::would_block);
  return text;
}

void consume(Tcb& tcb, std::uint32_t size, Environment& env) {
  tcb.receive_queue.consume(env.blocks, size);
  forget_urgent_text_read(tcb);
}

// RFC 9293 section 3.8.5: all that was written so far is urgent. The peer hears of it even when no text may be sent.
void mark_urgent(Tcb& tcb) {
  tcb.snd.up = tcb.queue_end();
  tcb.urgent_sent = true;
  if (is_synchronized(tcb.state)) tcb.ack_owed = AckOwed::now;
}

void end_reading(Tcb& tcb, Environment& env, Instant now) {
  right_size(tcb, env, now);
  if (is_synchronized(tcb.state) && window_update_is_due(tcb, env)) tcb.ack_owed = AckOwed::now;
}

std::expected<void, Error> close(Tcb& tcb, Environment& env) {
  if (tcb.state == State::closed) return std::unexpected(ended_with(tcb));
  if (tcb.fin_queued) return std::unexpected(Error::connection_closing);
  if (tcb.has_flight()) tcb.flight->send_queue.trim(env.blocks);
  end_flight_when_idle(tcb, env);
  switch (tcb.state) {
    case State::syn_sent:
      fail(tcb, env, Error::connection_closing);
      return {};
    case State::established:
      tcb.enter(State::fin_wait_1);
      break;
    case State::close_wait:
      tcb.enter(State::last_ack);
      break;
    default:
      break;  // SYN-RECEIVED: establish() goes on to FIN-WAIT-1
  }
  tcb.fin_queued = true;
  return {};
}

std::optional<wire::Segment> abort(Tcb& tcb, Environment& env, Instant now) {
  std::optional<wire::Segment> reset;
  switch (tcb.state) {
    case State::syn_received:
    case State::established:
    case State::fin_wait_1:
    case State::fin_wait_2:
    case State::close_wait:
    case State::closing:
    case State::last_ack:
      reset = make_reset(tcb, now);
      break;
    default:
      break;  // the RFC: nothing is sent from SYN-SENT and TIME-WAIT
  }
  if (tcb.state != State::closed) fail(tcb, env, Error::connection_aborted);
  return reset;
}

void change_options(Tcb& tcb, OptionSetId options, Environment& env, Instant now) {
  const ConnectionOptions before = env.options(tcb);
  env.option_sets.release(std::exchange(tcb.options, options));
  const ConnectionOptions& after = env.options(tcb);
  if (after.congestion != before.congestion) forget_algorithm(tcb.congestion);
  if (tcb.timer == Timer::retransmission) arm_retransmission(tcb, env, now);
  if (tcb.timer == Timer::persist) arm_persist(tcb, env, now);
  if (is_synchronized(tcb.state) && tcb.state != State::time_wait) {
    tcb.keep_alive_probes = 0;
    tcb.slow_at = never;
    watch_idle(tcb, env, now);
  }
}

ConnectionInfo info(const Tcb& tcb, const Environment& env) {
  return {
      .soft_error = tcb.soft_error,
      .tuple = tcb.tuple,
      .state = tcb.state,
      .mss = tcb.mss(),
      .peer_mss = tcb.peer_mss,
      .send_window = tcb.snd.wnd,
      .receive_window = tcb.rcv.wnd,
      .send_scale = tcb.snd.scale,
      .receive_scale = tcb.rcv.scale,
      .timestamps = tcb.timestamps,
      .selective_acks = tcb.selective_acks,
      .window_scaling = tcb.window_scaling,
      .ecn = tcb.ecn,
      .path_mtu = tcb.path_mtu,
      .srtt = tcb.rtt.srtt(),
      .rttvar = tcb.rtt.rttvar(),
      .minimum_rtt = tcb.rtt.minimum(),
      .rto = tcb.rtt.rto(env.parameters),
      .backoff = tcb.backoff,
      .recovery = tcb.recovery,
      .duplicate_acks = tcb.flight->duplicate_acks,
      .congestion_window = tcb.congestion.cwnd,
      .slow_start_threshold = tcb.congestion.ssthresh,
      .in_flight = tcb.in_flight(),
      .unacknowledged = tcb.outstanding(),
      .sacked = tcb.flight->sent.sacked_bytes(),
      .lost = tcb.flight->sent.lost_bytes(),
      .unsent = tcb.unsent(),
      .urgent = tcb.urgent ? tcb.rcv.up - tcb.receive_queue.front() : 0,
      .unread = tcb.receive_queue.readable(),
      .bytes_acked = tcb.bytes_acked,
      .bytes_received = tcb.bytes_received,
      .segments_sent = tcb.segments_sent,
      .segments_received = tcb.segments_received,
      .retransmissions = tcb.retransmissions,
      .delivered = tcb.bytes_acked + tcb.flight->sent.sacked_bytes(),
      .reordering = tcb.reordering_seen ? tcb.reordering_steps : std::uint8_t{0},
      .probes = tcb.timer == Timer::persist ? tcb.backoff : tcb.keep_alive_probes,
      .urgent_sent = tcb.urgent_sent,
      .last_text_sent = tcb.sent_at,
      .last_heard = tcb.heard_at,
  };
}

}  // namespace backstop::tcp
