// The flows in flight: pending until a token is answered, half-open until the handshake is done, served until the task
// of their connection handler has ended. Each holds a place from its claim to its end.
#include <utility>

#include "fallback/manager.hpp"
#include "fallback/shared.hpp"

namespace backstop {

detail::Claim FallbackManager::claim_of(const Consultation& consultation) {
  return {consultation.source().address, consultation.handler_, consultation.handler_options_};
}

std::expected<std::uint32_t, OverLimit> FallbackManager::claim(const Consultation& consultation) {
  return places_.take(claim_of(consultation), [this](std::uint32_t index) { shed(index); });
}

void FallbackManager::shed(std::uint32_t index) {
  ++log_.counters.shed;
  if (places_[index].phase == Phase::half_open) {
    stack_.abort(places_[index].connection);
    return fail(index, Cause::shed);
  }
  shared_->deferrals.cancel(index);
  end_pending(index, Verdict::over_limit, {});
}

void FallbackManager::take_answers() {
  while (auto answer = shared_->deferrals.take_answer()) carry_out(answer->slot, std::move(answer->decision));
}

void FallbackManager::carry_out(std::uint32_t index, FallbackDecision decision) {
  switch (decision.kind()) {
    case FallbackDecision::Kind::decline:
      return hand_over(index);
    case FallbackDecision::Kind::refuse:
      return end_pending(index, verdict_of(decision.refusal()), decision.refusal());
    case FallbackDecision::Kind::accept:
    case FallbackDecision::Kind::defer:
      break;
  }
  leave_pending(index);
  if (open(index, decision.take_handler())) return;
  const Flow& flow = places_[index];
  const Newcomer newcomer{flow.syn, flow.number, flow.attempts};
  const HandlerId handler = flow.handler;
  release(index);
  refuse_over_limit(newcomer, handler, options_.limit.policy);
}

// Pending flows whose handler has left go to the next one.
void FallbackManager::hand_over_orphans() {
  const std::uint64_t version = shared_->registry.version();
  if (std::exchange(registry_version_, version) == version || log_.gauges.pending == 0) return;
  for (std::uint32_t index = 0; index < places_.size(); ++index) {
    const Flow& flow = places_[index];
    if (flow.phase != Phase::pending || shared_->registry.contains(flow.handler)) continue;
    shared_->deferrals.cancel(index);
    hand_over(index);
  }
}

void FallbackManager::hand_over(std::uint32_t index) {
  const Flow& flow = places_[index];
  const Newcomer newcomer{flow.syn, flow.number, flow.attempts, false};
  detail::Registry::Cursor cursor = shared_->registry.start();
  cursor.priority = flow.priority;
  cursor.number = flow.handler.number;
  ++log_.counters.handovers;
  leave_pending(index);
  release(index);
  decide(newcomer, cursor);
}

void FallbackManager::leave_pending(std::uint32_t index) {
  const auto tag_of = [this](std::uint32_t place) { return pending_.hash(places_[place].syn.tuple); };
  pending_.erase(tag_of(index), index, tag_of);
  deadlines_.cancel(index);
  --log_.gauges.pending;
}

void FallbackManager::end_pending(std::uint32_t index, Verdict verdict, Refusal refusal) {
  const Flow& flow = places_[index];
  const Newcomer newcomer{flow.syn, flow.number, flow.attempts};
  const HandlerId handler = flow.handler;
  leave_pending(index);
  release(index);
  refuse(newcomer, handler, verdict, refusal);
}

// SYN,ACK now; its end, good or bad, comes as an event. An error leaves the place as it was.
std::expected<void, Error> FallbackManager::open(std::uint32_t index, ConnectionHandler handler) {
  Flow& flow = places_[index];
  auto stream = stack_.accept(flow.syn, now_);
  if (!stream) return std::unexpected(stream.error());
  flow.phase = Phase::half_open;
  flow.connection = stream->id();
  accepted_[index] = {std::move(*stream), std::move(handler)};
  place_of_connection_[flow.connection.slot] = index;
  deadlines_.arm(index, now_ + options_.half_open_timeout);
  ++log_.gauges.half_open;
  log_.decided(flow.number, flow.syn.tuple, flow.handler, Verdict::accepted, now_);
  return {};
}

void FallbackManager::on_event(const Event& event, Instant now) {
  if (event.id.is_listener || event.id.slot >= place_of_connection_.size()) return;
  const std::uint32_t index = place_of_connection_[event.id.slot];
  if (index == none || places_[index].connection != event.id) return;
  driven_at(now);
  if (event.what.established) return serve(index);
  if (event.what.closed) fail(index, Cause::connection_ended);
}

void FallbackManager::fail(std::uint32_t index, Cause cause) {
  Flow& flow = places_[index];
  ++log_.counters.handshakes_failed;
  emit(Step::failed, flow, cause);
  emit(Step::closed, flow, cause);
  leave_half_open(index);
  accepted_[index] = {};
  release(index);
}

void FallbackManager::leave_half_open(std::uint32_t index) {
  place_of_connection_[places_[index].connection.slot] = none;
  deadlines_.cancel(index);
  --log_.gauges.half_open;
}

void FallbackManager::release(std::uint32_t index) {
  deadlines_.cancel(index);
  places_.give_back(index);
}

void FallbackManager::deadline_passed(std::uint32_t index) {
  Flow& flow = places_[index];
  switch (flow.phase) {
    case Phase::pending:
      if (shared_->deferrals.expire(index)) end_pending(index, Verdict::expired, flow.refusal);
      return;
    case Phase::half_open:
      ++log_.counters.half_open_timeouts;
      stack_.abort(flow.connection);
      return fail(index, Cause::half_open_timeout);
    case Phase::served:
      return stack_.abort(flow.connection);
    case Phase::free:
      return;
  }
}

// --- Connections.

// A flow that is established: holds its place until the task of its connection handler is gone, whatever ends that.
class FallbackManager::Served {
 public:
  Served(std::shared_ptr<detail::FallbackShared> shared, std::uint32_t index, detail::Accepted accepted)
      : shared_(std::move(shared)), index_(index), accepted_(std::move(accepted)) {}
  Served(Served&&) noexcept = default;
  Served& operator=(Served&&) = delete;
  ~Served() {
    if (!shared_) return;
    if (accepted_.stream) {  // nobody got it
      accepted_.stream.abort();
      cause_ = Cause::no_memory;
    }
    if (shared_->manager != nullptr) shared_->manager->finish(index_, cause_);
  }

  [[nodiscard]] HandleId connection() const { return accepted_.stream.id(); }
  /// The handler stays here as long as its task runs.
  Task start() { return accepted_.handler(std::move(accepted_.stream)); }
  void failed(Cause cause) { cause_ = cause; }

 private:
  std::shared_ptr<detail::FallbackShared> shared_;
  std::uint32_t index_;
  detail::Accepted accepted_;
  Cause cause_ = Cause::none;
};

void FallbackManager::serve(std::uint32_t index) {
  const Flow& flow = places_[index];
  leave_half_open(index);
  places_.leave_attempts(index);
  ++log_.gauges.served;
  log_.established(flow.handler);
  emit(Step::established, flow);
  Served served{shared_, index, std::exchange(accepted_[index], {})};
  executor_.spawn(run_handler(executor_, std::move(served)));
}

// What the handler throws resets the connection, while its stream, and the frame that holds it, are still there.
Task FallbackManager::run_handler(Executor& executor, Served flow) {
  const HandleId connection = flow.connection();
  Task task;
  try {
    task = flow.start();
    if (co_await std::move(task)) co_return;
    flow.failed(Cause::no_memory);
    executor.stack().abort(connection);
  } catch (...) {
    flow.failed(Cause::handler_failed);
    executor.stack().abort(connection);
    throw;
  }
}

void FallbackManager::finish(std::uint32_t index, Cause cause) {
  const Flow& flow = places_[index];
  if (cause != Cause::none) ++log_.counters.handler_failures;
  log_.finished(flow.handler);
  --log_.gauges.served;
  emit(Step::closed, flow, cause);
  release(index);
}

void FallbackManager::end_connections(HandlerId handler, Instant deadline) {
  for (std::uint32_t index = 0; index < places_.size(); ++index) {
    const Flow& flow = places_[index];
    if (flow.phase == Phase::served && flow.handler == handler) deadlines_.arm(index, deadline);
  }
}

void FallbackManager::end_all() {
  while (places_.oldest_attempt() != none) {
    const std::uint32_t index = places_.oldest_attempt();
    if (places_[index].phase == Phase::half_open) {
      stack_.abort(places_[index].connection);
      fail(index, Cause::manager_ended);
    } else {
      shared_->deferrals.cancel(index);
      end_pending(index, Verdict::cancelled, {});
    }
  }
}

}  // namespace backstop
