// How a flow's fate is decided: the handlers are asked in their order, and what the first of them says that does not
// decline is carried out, before the peer has seen a SYN,ACK.
// Read next: in_flight.cpp, what becomes of the flows that were claimed.
#include <algorithm>
#include <utility>

#include "fallback/manager.hpp"
#include "fallback/shared.hpp"

namespace backstop {
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
  if (consultation.flow_ != none || consultation.syn_.cookie) return {};
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
      return refuse_over_limit(flow, word.handler, *consultation.over_limit_);
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
  if (wants_cookie(newcomer.syn)) return send_cookie(newcomer, consultation);
  const auto place = claim(consultation);
  if (!place) return refuse_over_limit(newcomer, consultation.handler_, place.error());
  Flow& flow = places_[*place];
  flow.syn = newcomer.syn;
  flow.number = newcomer.number;
  if (open(*place, std::move(handler))) return;
  release(*place);
  refuse_over_limit(newcomer, consultation.handler_, options_.limit.policy);
}

bool FallbackManager::wants_cookie(const SynInfo& syn) const {
  return !syn.cookie && log_.gauges.pending + log_.gauges.half_open >= options_.cookies_from;
}

// The flow takes no place, and sheds nobody, before its peer has shown that it is there.
void FallbackManager::send_cookie(const Newcomer& newcomer, const Consultation& consultation) {
  const HandlerId handler = consultation.handler_;
  if (const auto policy = places_.refusal(claim_of(consultation))) return refuse_over_limit(newcomer, handler, *policy);
  stack_.answer_with_cookie(newcomer.syn, now_);
  log_.decided(newcomer.number, newcomer.syn.tuple, handler, Verdict::cookie, now_);
}

void FallbackManager::refuse(const Newcomer& flow, HandlerId handler, Verdict verdict, Refusal refusal) {
  give(flow.syn, refusal);
  remember(flow.syn, flow.attempts, verdict, refusal);
  log_.decided(flow.number, flow.syn.tuple, handler, verdict, now_);
}

Verdict FallbackManager::verdict_of(Refusal refusal) {
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

void FallbackManager::refuse_over_limit(const Newcomer& flow, HandlerId handler, OverLimit policy) {
  refuse(flow, handler, Verdict::over_limit,
         {.kind = policy == OverLimit::drop ? Refusal::Kind::drop : Refusal::Kind::reject});
}

// Who has a SYN,ACK already would take silence and ICMP for trouble on the way.
void FallbackManager::give(const SynInfo& syn, Refusal refusal) {
  if (syn.cookie || refusal.kind == Refusal::Kind::reject) return stack_.refuse(syn, now_);
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

}  // namespace backstop
