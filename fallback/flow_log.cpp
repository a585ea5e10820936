#include "fallback/flow_log.hpp"

namespace backstop {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::declined:
      return "declined";
    case Verdict::accepted:
      return "accepted";
    case Verdict::cookie:
      return "cookie";
    case Verdict::rejected:
      return "rejected";
    case Verdict::dropped:
      return "dropped";
    case Verdict::unreachable:
      return "unreachable";
    case Verdict::over_limit:
      return "over limit";
    case Verdict::failed:
      return "failed";
    case Verdict::expired:
      return "expired";
    case Verdict::cancelled:
      return "cancelled";
    case Verdict::count_:
      break;
  }
  return "unknown verdict";
}

std::string_view to_string(Step step) {
  switch (step) {
    case Step::seen:
      return "seen";
    case Step::consulted:
      return "consulted";
    case Step::deferred:
      return "deferred";
    case Step::decided:
      return "decided";
    case Step::established:
      return "established";
    case Step::failed:
      return "failed";
    case Step::closed:
      return "closed";
  }
  return "unknown step";
}

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::none:
      return "none";
    case Cause::connection_ended:
      return "connection ended";
    case Cause::half_open_timeout:
      return "half-open timeout";
    case Cause::shed:
      return "shed";
    case Cause::handler_failed:
      return "handler failed";
    case Cause::no_memory:
      return "no memory";
    case Cause::manager_ended:
      return "manager ended";
  }
  return "unknown cause";
}

namespace detail {

void FlowLog::seen(std::uint64_t flow, const SynInfo& syn, Instant now) {
  if (PortRecord* const port = ports_.find_or_insert(syn.tuple.local.port)) {
    if (port->flows++ == 0) port->first_seen = now;
    port->last_seen = now;
  }
  step({.flow = flow, .step = Step::seen, .tuple = syn.tuple, .at = now, .handler = {}});
}

void FlowLog::consulted(HandlerId handler) {
  ++counters.consultations;
  if (HandlerCounters* const record = record_of(handler)) ++record->consultations;
}

void FlowLog::declined(HandlerId handler) {
  if (HandlerCounters* const record = record_of(handler)) {
    ++record->verdicts[static_cast<std::size_t>(Verdict::declined)];
  }
}

void FlowLog::deferred(HandlerId handler) {
  ++counters.deferred;
  if (HandlerCounters* const record = record_of(handler)) ++record->deferred;
}

void FlowLog::established(HandlerId handler) {
  ++counters.established;
  if (HandlerCounters* const record = record_of(handler)) ++record->established;
}

void FlowLog::finished(HandlerId handler) {
  ++counters.finished;
  if (HandlerCounters* const record = record_of(handler)) ++record->finished;
}

void FlowLog::decided(std::uint64_t flow, const FourTuple& tuple, HandlerId handler, Verdict verdict, Instant now) {
  const auto index = static_cast<std::size_t>(verdict);
  ++counters.verdicts[index];
  if (PortRecord* const port = ports_.find(tuple.local.port)) ++port->verdicts[index];
  if (HandlerCounters* const record = record_of(handler)) ++record->verdicts[index];
  FlowEvent event{
      .flow = flow, .step = Step::decided, .tuple = tuple, .at = now, .handler = handler, .verdict = verdict};
  step(event);
  if (verdict == Verdict::accepted) return;
  event.step = Step::closed;
  step(event);
}

void FlowLog::step(const FlowEvent& event) {
  if (on_flow_event) on_flow_event(event);
}

const HandlerCounters* FlowLog::of(HandlerId handler) const {
  if (handler.number == 0 || handler.slot >= handlers_.size()) return nullptr;
  const HandlerRecord& record = handlers_[handler.slot];
  return record.number == handler.number ? &record.counters : nullptr;
}

// A place that has a new handler starts from zero; who was there before is counted no more.
HandlerCounters* FlowLog::record_of(HandlerId handler) {
  if (handler.number == 0) return nullptr;
  HandlerRecord& record = handlers_[handler.slot];
  if (record.number < handler.number) record = {handler.number, {}};
  return record.number == handler.number ? &record.counters : nullptr;
}

}  // namespace detail
}  // namespace backstop
