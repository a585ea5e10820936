#include "stack/tcp/right_sizing.hpp"

#include <algorithm>

#include "stack/tcp/timeouts.hpp"

namespace backstop::tcp {
namespace {

// Why 4: in slow start the peer sends twice as much in the next round trip, and the window must be open for that before
// the first of it is read.
constexpr std::uint64_t rounds_ahead = 4;

// Why: below two ticks of the clock nothing can be measured, and drivers are no more punctual than that either.
constexpr std::int64_t least_round = 2;  // milliseconds
// Why: after a handshake without a sample the path may be long; a window too large does less harm than one too small.
constexpr std::int64_t unknown_round = 200;

std::int64_t round_trip(const Tcb& tcb) {
  if (!tcb.rtt.has_sample()) return unknown_round;
  return std::max<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(tcb.rtt.srtt()).count(), least_round);
}

}  // namespace

void begin_round(Tcb& tcb, Instant now) {
  tcb.rcv.round_start = tcb.receive_queue.front();
  tcb.rcv.round_at = timestamp_clock(now);
}

void right_size(Tcb& tcb, const Environment& env, Instant now) {
  const std::int64_t elapsed = timestamp_clock(now) - tcb.rcv.round_at;
  if (elapsed < least_round) return;
  const std::int64_t round = round_trip(tcb);
  if (elapsed < round) return;
  const std::uint64_t read = tcb.receive_queue.front() - tcb.rcv.round_start;
  const std::uint64_t in_a_round = read * static_cast<std::uint64_t>(round) / static_cast<std::uint64_t>(elapsed);
  const std::uint64_t most = env.options(tcb).receive_buffer;
  tcb.rcv.limit = std::max(tcb.rcv.limit, static_cast<std::uint32_t>(std::min(rounds_ahead * in_a_round, most)));
  begin_round(tcb, now);
}

}  // namespace backstop::tcp
