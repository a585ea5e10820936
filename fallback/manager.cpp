#include "fallback/manager.hpp"

#include <utility>

#include "fallback/shared.hpp"

namespace backstop {
namespace {

detail::KeyedHash hash_of(const Stack& stack) { return {tcp::SipKey{stack.config().secret}}; }

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
      accepted_(options_.max_flows, &memory),
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

bool FallbackManager::registered(HandlerId handler) const { return shared_->registry.contains(handler); }

void FallbackManager::driven_at(Instant now) {
  now_ = now;
  shared_->driver.store(detail::this_thread());
}

void FallbackManager::synchronize_tap() {
  const bool wanted = shared_->registry.size() > 0;
  if (wanted == tap_.attached()) return;
  if (!wanted) return tap_.detach();
  TapCallbacks callbacks;
  callbacks.unmatched_syn = [this](const SynInfo& syn, Instant now) {
    driven_at(now);
    on_syn(syn);
  };
  callbacks.unmatched_reset = [this](const FourTuple& tuple, SeqNum seq, Instant now) {
    if (log_.gauges.pending == 0) return;
    driven_at(now);
    on_reset(tuple, seq);
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
  ++(syn.cookie ? log_.counters.cookies : log_.counters.syns);
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

// --- To be seen.

std::uint32_t FallbackManager::find_pending(const FourTuple& tuple) {
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
