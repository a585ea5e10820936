#include "fallback/flow_places.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace backstop::detail {

// Each flow counts for its source, and for its source with its handler.
FlowPlaces::FlowPlaces(const Limits& limits, std::uint32_t max_handlers, KeyedHash hash,
                       std::pmr::memory_resource& memory)
    : all_{std::min(limits.all.max, limits.places), limits.all.policy},
      per_source_(limits.per_source),
      flows_(limits.places, &memory),
      handlers_(max_handlers, &memory),
      sources_(limits.places * 2, hash, memory) {
  for (std::uint32_t index = 0; index < size(); ++index) join(free_, index);
}

std::array<FlowPlaces::Group, 4> FlowPlaces::groups_of(const Claim& claim) const {
  return {{{claim.options.per_source, true, true},
           {claim.options.limit, false, true},
           {per_source_, true, false},
           {all_, false, false}}};
}

std::optional<OverLimit> FlowPlaces::refusal(const Claim& claim) {
  for (const Group& group : groups_of(claim)) {
    if (is_full(group, claim) && group.limit.policy != OverLimit::shed_oldest) return group.limit.policy;
  }
  return std::nullopt;
}

std::uint32_t FlowPlaces::occupy(const Claim& claim) {
  const std::uint32_t index = free_.oldest;
  assert(index != none && "as many flows as places are over the limit");
  leave(free_, index);
  join(attempts_, index);
  Flow& flow = flows_[index];
  flow.handler = claim.handler;
  flow.priority = claim.options.priority;
  flow.syn.tuple.remote.address = claim.source;
  change_counts(claim, +1);
  return index;
}

void FlowPlaces::give_back(std::uint32_t index) {
  Flow& flow = flows_[index];
  if (flow.phase != Flow::Phase::served) leave(attempts_, index);
  change_counts({flow.syn.tuple.remote.address, flow.handler, {}}, -1);
  flow = Flow{};
  join(free_, index);
}

void FlowPlaces::leave_attempts(std::uint32_t index) {
  leave(attempts_, index);
  flows_[index].phase = Flow::Phase::served;
}

std::uint32_t FlowPlaces::in_flight(HandlerId handler) const {
  if (handler.slot >= handlers_.size() || handlers_[handler.slot].number != handler.number) return 0;
  return handlers_[handler.slot].flows;
}

std::uint32_t FlowPlaces::count(const SourceKey& key) {
  const std::uint32_t* const flows = sources_.find(key);
  return flows == nullptr ? 0 : *flows;
}

std::uint32_t FlowPlaces::count(const Group& group, const Claim& claim) {
  if (group.same_source) return count({claim.source, group.same_handler ? claim.handler.number : 0});
  return group.same_handler ? in_flight(claim.handler) : in_flight_;
}

// Nobody is counted where any number may be: a source's flows are in a table that is slow to ask.
bool FlowPlaces::is_full(const Group& group, const Claim& claim) {
  return group.limit.max != unlimited && count(group, claim) >= group.limit.max;
}

// Why a search: only limits that shed need it, and a list for each group would cost every flow more.
std::uint32_t FlowPlaces::oldest_attempt_of(const Group& group, const Claim& claim) const {
  std::uint32_t index = attempts_.oldest;
  for (; index != none; index = flows_[index].newer) {
    const Flow& flow = flows_[index];
    const bool source_fits = !group.same_source || flow.syn.tuple.remote.address == claim.source;
    const bool handler_fits = !group.same_handler || flow.handler == claim.handler;
    if (source_fits && handler_fits) break;
  }
  return index;
}

void FlowPlaces::change_counts(const Claim& claim, int change) {
  const auto add = [change](std::uint32_t& count) { count += static_cast<std::uint32_t>(change); };
  add(in_flight_);
  change_count({claim.source, 0}, change);
  change_count({claim.source, claim.handler.number}, change);
  HandlerCount& handler = handlers_[claim.handler.slot];
  if (change > 0 && handler.number != claim.handler.number) handler = {claim.handler.number, 0};
  if (handler.number == claim.handler.number) add(handler.flows);
}

void FlowPlaces::change_count(const SourceKey& key, int change) {
  std::uint32_t& flows = *sources_.find_or_insert(key);
  flows += static_cast<std::uint32_t>(change);
  if (flows == 0) sources_.erase(key);
}

void FlowPlaces::join(Order& order, std::uint32_t index) {
  flows_[index].older = order.newest;
  flows_[index].newer = none;
  (order.newest == none ? order.oldest : flows_[order.newest].newer) = index;
  order.newest = index;
}

void FlowPlaces::leave(Order& order, std::uint32_t index) {
  const Flow& flow = flows_[index];
  (flow.newer == none ? order.newest : flows_[flow.newer].older) = flow.older;
  (flow.older == none ? order.oldest : flows_[flow.older].newer) = flow.newer;
}

}  // namespace backstop::detail
