#include "fallback/manager.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "fallback/shared.hpp"

namespace backstop {
namespace {

using detail::FlowKey;
using detail::KeyedHash;

KeyedHash hash_of(const Stack& stack) { return {tcp::SipKey{stack.config().secret}}; }

Verdict verdict_of(Refusal refusal) {
  switch (refusal.kind) {
    case Refusal::Kind::drop:
      return Verdict::dropped;
    case Refusal::Kind::unreachable:
      return Verdict::unreachable;
    case Refusal::Kind::reject:
      break;
  }
  return Verdict::rejected;
}

Refusal refusal_of(OverLimit policy) {
  return {.kind = policy == OverLimit::drop ? Refusal::Kind::drop : Refusal::Kind::reject};
}

}  // namespace

// --- Handles and tokens.

FallbackHandle& FallbackHandle::operator=(FallbackHandle&& other) noexcept {
  if (this == &other) return *this;
  reset();
  shared_ = std::move(other.shared_);
  id_ = std::exchange(other.id_, {});
  return *this;
}

void FallbackHandle::reset() {
  const auto shared = std::exchange(shared_, nullptr);
  if (shared && shared->registry.remove(id_)) FallbackManager::registry_changed(*shared);
  id_ = {};
}

DeferToken Consultation::defer(DeferOptions options) { return manager_.defer(*this, std::move(options)); }

// --- Life and registration.

FallbackManager::FallbackManager(Stack& stack, Executor& executor, FallbackOptions options,
                                 std::pmr::memory_resource& memory)
    : stack_(stack),
      executor_(executor),
      options_(std::move(options)),
      shared_(std::make_shared<detail::FallbackShared>(*this, options_.max_handlers, options_.max_flows,
                                                       std::move(options_.wake))),
      places_({options_.max_flows, options_.limit, options_.per_source}, options_.max_handlers, hash_of(stack), memory),
      pending_(options_.max_flows, stack.config().secret, &memory),
      deadlines_(options_.max_flows, &memory),
      connection_handlers_(options_.max_flows, &memory),
      place_of_connection_(stack.config().max_connections, none, &memory),
      recent_(options_.max_verdicts, hash_of(stack), memory),
      log_(options_.max_handlers, options_.max_ports, hash_of(stack), memory) {
  executor_.attach(*this);
}

FallbackManager::~FallbackManager() {
  tap_.detach();
  end_all();
  shared_->manager = nullptr;
  shared_->registry.clear();
  shared_->waker.close();
}

FallbackHandle FallbackManager::add(detail::Registry::Callback callback, const HandlerOptions& options) {
  const auto id = shared_->registry.add(std::move(callback), options);
  if (!id) return {};
  FallbackHandle handle{shared_, *id};
  registry_changed(*shared_);
  const bool here = shared_->driver.load() == detail::this_thread();
  if (here && !tap_.attached()) handle.reset();
  return handle;
}

// On the thread that drives the stack the tap follows at once; other threads have it follow.
void FallbackManager::registry_changed(detail::FallbackShared& shared) {
  shared.waker.request();
  if (shared.driver.load() != detail::this_thread() || shared.manager == nullptr) return;
  if (!shared.manager->deciding_) shared.manager->synchronize_tap();
}

void FallbackManager::driven_at(Instant now) {
  now_ = now;
  shared_->driver.store(detail::this_thread());
}

void FallbackManager::synchronize_tap() {
  const bool wanted = shared_->registry.size() > 0;
  if (wanted == tap_.attached()) return;
  if (!wanted) return tap_.detach();
  TapCallbacks callbacks;
  callbacks.segment = [this](const wire::Ipv4Header& ip, const wire::Segment& segment, Instant now) {
    if (log_.gauges.pending == 0 || !segment.rst()) return;
    driven_at(now);
    on_reset({{ip.destination, segment.destination_port}, {ip.source, segment.source_port}}, segment.seq);
  };
  callbacks.unmatched_syn = [this](const SynInfo& syn, Instant now) {
    driven_at(now);
    on_syn(syn);
  };
  tap_ = stack_.attach_tap(std::move(callbacks), {.suppress_rst = true});
}

void FallbackManager::poll(Instant now) {
  if (deciding_) return;
  driven_at(now);
  if (shared_->waker.take_request()) {
    take_answers();
    hand_over_orphans();
    synchronize_tap();
  }
  for (auto index = deadlines_.expire(now); index != none; index = deadlines_.expire(now)) deadline_passed(index);
}

std::optional<Instant> FallbackManager::next_deadline() {
  if (shared_->waker.requested()) return immediately;
  const Instant next = deadlines_.next_deadline();
  return next == never ? std::nullopt : std::optional{next};
}

// --- What the stack shows.

// The caller of a pending flow has given up, when the number is one that it may be at (RFC 5961 section 3): behind its
// SYN, or behind the text that came with it.
void FallbackManager::on_reset(const FourTuple& tuple, SeqNum seq) {
  const std::uint32_t index = find_pending(tuple);
  if (index == none) return;
  const SynInfo& syn = places_[index].syn;
  const std::uint32_t beyond = seq - syn.irs;
  if (beyond != 1 && beyond != 1 + syn.text_size) return;
  shared_->deferrals.cancel(index);
  end_pending(index, Verdict::cancelled, {.kind = Refusal::Kind::drop});
}

void FallbackManager::on_syn(const SynInfo& syn) {
  ++log_.counters.syns;
  if (absorb(syn)) return;
  std::uint32_t attempts = 1;
  if (repeat(syn, attempts)) return;
  const Newcomer flow{syn, ++last_flow_, attempts};
  log_.seen(flow.number, syn, now_);
  decide(flow, shared_->registry.start());
}

// A retransmitted SYN of a pending flow brings newer options and nothing else; one with another ISN ends that flow.
bool FallbackManager::absorb(const SynInfo& syn) {
  const std::uint32_t index = find_pending(syn.tuple);
  if (index == none) return false;
  Flow& flow = places_[index];
  if (flow.syn.irs != syn.irs) {
    shared_->deferrals.cancel(index);
    end_pending(index, Verdict::cancelled, {.kind = Refusal::Kind::drop});
    return false;
  }
  const Instant first_arrival = flow.syn.arrived;
  flow.syn = syn;
  flow.syn.arrived = first_arrival;
  if (flow.attempts < 255) ++flow.attempts;
  ++log_.counters.absorbed;
  return true;
}

bool FallbackManager::repeat(const SynInfo& syn, std::uint32_t& attempts) {
  RecentVerdict* const recent = recent_.find({syn.tuple, syn.irs});
  if (recent == nullptr || recent->until < now_) return false;
  if (recent->attempts < 255) ++recent->attempts;
  attempts = recent->attempts;
  if (!recent->repeatable || recent->registry_version != shared_->registry.version()) return false;
  ++log_.counters.repeated;
  give(syn, recent->refusal);
  return true;
}

// --- Deciding.

void FallbackManager::decide(const Newcomer& flow, detail::Registry::Cursor cursor) {
  Consultation consultation(*this, flow.syn, flow.number, flow.attempts, now_);
  deciding_ = true;
  Word word = ask_all(consultation, cursor);
  deciding_ = false;
  if (flow.is_new) {
    log_.step(
        {.flow = flow.number, .step = Step::consulted, .tuple = flow.syn.tuple, .at = now_, .handler = word.handler});
  }
  conclude(flow, consultation, std::move(word));
}

FallbackManager::Word FallbackManager::ask_all(Consultation& consultation, detail::Registry::Cursor cursor) {
  while (const auto turn = shared_->registry.enter(cursor)) {
    Word word = ask(*turn, consultation);
    shared_->registry.leave(*turn);
    if (word.threw || word.decision.kind() != FallbackDecision::Kind::decline) return word;
    withdraw(consultation);
    log_.declined(turn->id);
  }
  return {};
}

FallbackManager::Word FallbackManager::ask(const detail::Registry::Turn& turn, Consultation& consultation) {
  consultation.handler_ = turn.id;
  consultation.handler_options_ = turn.options;
  log_.consulted(turn.id);
  try {
    return {turn.id, (*turn.callback)(consultation)};
  } catch (...) {
    ++log_.counters.callback_failures;
    return {.handler = turn.id, .threw = true};
  }
}

DeferToken FallbackManager::defer(Consultation& consultation, DeferOptions options) {
  if (consultation.flow_ != none) return {};
  const auto place = claim(consultation);
  if (!place) {
    consultation.over_limit_ = place.error();
    return {};
  }
  const std::uint32_t index = *place;
  consultation.flow_ = index;
  places_[index].refusal = options.refusal;
  deadlines_.arm(index, now_ + options.timeout);
  return {shared_, index, shared_->deferrals.open(index, std::move(options.on_cancel))};
}

// The handler asked for a token and then decided otherwise.
void FallbackManager::withdraw(Consultation& consultation) {
  consultation.over_limit_.reset();
  const std::uint32_t index = std::exchange(consultation.flow_, none);
  if (index == none) return;
  shared_->deferrals.cancel(index);
  release(index);
}

void FallbackManager::conclude(const Newcomer& flow, Consultation& consultation, Word word) {
  const auto kind = word.decision.kind();
  if (kind == FallbackDecision::Kind::defer && !word.threw) {
    if (consultation.flow_ != none) return hold(flow, consultation.flow_);
    if (consultation.over_limit_) {
      return refuse(flow, word.handler, Verdict::over_limit, refusal_of(*consultation.over_limit_));
    }
    return refuse(flow, word.handler, Verdict::rejected, {});
  }
  withdraw(consultation);
  if (word.threw) return refuse(flow, word.handler, Verdict::failed, {});
  if (kind == FallbackDecision::Kind::accept) return accept(flow, consultation, word.decision.take_handler());
  if (kind == FallbackDecision::Kind::refuse) {
    return refuse(flow, word.handler, verdict_of(word.decision.refusal()), word.decision.refusal());
  }
  if (on_unclaimed_) on_unclaimed_(flow.syn);
  refuse(flow, {}, Verdict::declined, {});
}

void FallbackManager::hold(const Newcomer& newcomer, std::uint32_t index) {
  Flow& flow = places_[index];
  flow.phase = Phase::pending;
  flow.syn = newcomer.syn;
  flow.number = newcomer.number;
  flow.attempts = static_cast<std::uint8_t>(std::min(newcomer.attempts, 255u));
  pending_.insert(flow.syn.tuple, index);
  ++log_.gauges.pending;
  if (!newcomer.is_new) return;
  log_.deferred(flow.handler);
  emit(Step::deferred, flow);
}

void FallbackManager::accept(const Newcomer& newcomer, const Consultation& consultation, ConnectionHandler handler) {
  const auto place = claim(consultation);
  if (!place) return refuse(newcomer, consultation.handler_, Verdict::over_limit, refusal_of(place.error()));
  Flow& flow = places_[*place];
  flow.syn = newcomer.syn;
  flow.number = newcomer.number;
  if (open(*place, std::move(handler))) return;
  release(*place);
  refuse(newcomer, consultation.handler_, Verdict::over_limit, refusal_of(options_.limit.policy));
}

void FallbackManager::refuse(const Newcomer& flow, HandlerId handler, Verdict verdict, Refusal refusal) {
  give(flow.syn, refusal);
  remember(flow.syn, flow.attempts, verdict, refusal);
  log_.decided(flow.number, flow.syn.tuple, handler, verdict, now_);
}

void FallbackManager::give(const SynInfo& syn, Refusal refusal) {
  if (refusal.kind == Refusal::Kind::reject) stack_.refuse(syn, now_);
  if (refusal.kind == Refusal::Kind::unreachable) stack_.unreachable(syn, refusal.code, now_);
}

// Limits and failures pass, so who was refused for them is asked about again.
void FallbackManager::remember(const SynInfo& syn, std::uint32_t attempts, Verdict verdict, Refusal refusal) {
  RecentVerdict* const recent = recent_.find_or_insert({syn.tuple, syn.irs});
  if (recent == nullptr) return;
  recent->refusal = refusal;
  recent->repeatable = verdict != Verdict::over_limit && verdict != Verdict::failed;
  recent->attempts = static_cast<std::uint8_t>(std::min(attempts, 255u));
  recent->registry_version = shared_->registry.version();
  recent->until = now_ + options_.verdict_lifetime;
}

// --- Flows in flight.

std::expected<std::uint32_t, OverLimit> FallbackManager::claim(const Consultation& consultation) {
  return places_.take({consultation.source().address, consultation.handler_, consultation.handler_options_},
                      [this](std::uint32_t index) { shed(index); });
}

void FallbackManager::shed(std::uint32_t index) {
  ++log_.counters.shed;
  if (places_[index].phase == Phase::half_open) {
    places_[index].stream.abort();
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
  refuse(newcomer, handler, Verdict::over_limit, refusal_of(options_.limit.policy));
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
  pending_.erase(places_[index].syn.tuple, index);
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
  flow.stream = std::move(*stream);
  connection_handlers_[index] = std::move(handler);
  place_of_connection_[flow.stream.id().slot] = index;
  deadlines_.arm(index, now_ + options_.half_open_timeout);
  ++log_.gauges.half_open;
  log_.decided(flow.number, flow.syn.tuple, flow.handler, Verdict::accepted, now_);
  return {};
}

void FallbackManager::on_event(const Event& event, Instant now) {
  if (event.id.is_listener || event.id.slot >= place_of_connection_.size()) return;
  const std::uint32_t index = place_of_connection_[event.id.slot];
  if (index == none || places_[index].stream.id() != event.id) return;
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
  connection_handlers_[index] = nullptr;
  release(index);
}

void FallbackManager::leave_half_open(std::uint32_t index) {
  place_of_connection_[places_[index].stream.id().slot] = none;
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
      flow.stream.abort();
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
  Served(std::shared_ptr<detail::FallbackShared> shared, std::uint32_t index, Stream stream, ConnectionHandler handler)
      : shared_(std::move(shared)), index_(index), stream_(std::move(stream)), handler_(std::move(handler)) {}
  Served(Served&&) noexcept = default;
  Served& operator=(Served&&) = delete;
  ~Served() {
    if (!shared_) return;
    if (stream_) {  // nobody got it
      stream_.abort();
      cause_ = Cause::no_memory;
    }
    if (shared_->manager != nullptr) shared_->manager->finish(index_, cause_);
  }

  [[nodiscard]] HandleId connection() const { return stream_.id(); }
  /// The handler stays here as long as its task runs.
  Task start() { return handler_(std::move(stream_)); }
  void failed(Cause cause) { cause_ = cause; }

 private:
  std::shared_ptr<detail::FallbackShared> shared_;
  std::uint32_t index_;
  Stream stream_;
  ConnectionHandler handler_;
  Cause cause_ = Cause::none;
};

void FallbackManager::serve(std::uint32_t index) {
  Flow& flow = places_[index];
  leave_half_open(index);
  places_.leave_attempts(index);
  flow.connection = flow.stream.id();
  ++log_.gauges.served;
  log_.established(flow.handler);
  emit(Step::established, flow);
  Served served{shared_, index, std::move(flow.stream), std::move(connection_handlers_[index])};
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
      places_[index].stream.abort();
      fail(index, Cause::manager_ended);
    } else {
      shared_->deferrals.cancel(index);
      end_pending(index, Verdict::cancelled, {});
    }
  }
}

// --- To be seen.

std::uint32_t FallbackManager::find_pending(const FourTuple& tuple) const {
  if (pending_.size() == 0) return none;
  return pending_.find(tuple, [this](std::uint32_t index) -> const FourTuple& { return places_[index].syn.tuple; });
}

void FallbackManager::emit(Step step, const Flow& flow, Cause cause) {
  log_.step({.flow = flow.number,
             .step = step,
             .tuple = flow.syn.tuple,
             .at = now_,
             .handler = flow.handler,
             .verdict = Verdict::accepted,
             .cause = cause});
}

FlowSnapshot FallbackManager::snapshot(const Flow& flow) {
  return {flow.number, flow.phase, flow.syn, flow.handler, flow.attempts};
}

}  // namespace backstop
