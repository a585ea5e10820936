// What the fallback manager has seen and done: counters, per-handler counters, per-port records, and one event a step
// for whoever observes.
// Read next: flow_event.hpp, the vocabulary.
#pragma once

#include <cstdint>
#include <functional>
#include <memory_resource>
#include <vector>

#include "fallback/flow_event.hpp"
#include "fallback/keyed_hash.hpp"
#include "fallback/recency_table.hpp"
#include "stack/syn_info.hpp"

namespace backstop::detail {

class FlowLog {
 public:
  using Ports = RecencyTable<std::uint16_t, PortRecord, KeyedHash>;

  FlowLog(std::uint32_t max_handlers, std::uint32_t max_ports, KeyedHash hash, std::pmr::memory_resource& memory)
      : handlers_(max_handlers, &memory), ports_(max_ports, hash, memory) {}

  /// A new flow.
  void seen(std::uint64_t flow, const SynInfo& syn, Instant now);
  /// A handler's own word.
  void consulted(HandlerId handler);
  void declined(HandlerId handler);
  void deferred(HandlerId handler);
  void established(HandlerId handler);
  void finished(HandlerId handler);
  /// The verdict on a flow, and whose it is, if anybody's. For refused flows this is the end: `closed` follows.
  void decided(std::uint64_t flow, const FourTuple& tuple, HandlerId handler, Verdict verdict, Instant now);
  /// Any other step.
  void step(const FlowEvent& event);

  FallbackCounters counters;
  FallbackGauges gauges;
  std::move_only_function<void(const FlowEvent&)> on_flow_event;

  /// Nothing when the handler was never asked, or its place has been used again.
  [[nodiscard]] const HandlerCounters* of(HandlerId handler) const;
  [[nodiscard]] const Ports& ports() const { return ports_; }

 private:
  struct HandlerRecord {
    std::uint32_t number = 0;
    HandlerCounters counters;
  };

  HandlerCounters* record_of(HandlerId handler);

  std::pmr::vector<HandlerRecord> handlers_;  // by slot
  Ports ports_;
};

}  // namespace backstop::detail
