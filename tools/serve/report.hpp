// What a run of `backstop serve` has seen, for a person as a table and for a program as JSON. Pure.
// Read next: server.hpp, which fills it in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fallback/flow_event.hpp"
#include "stack/statistics.hpp"
#include "tools/json.hpp"
#include "tun/fault_injector.hpp"
#include "tun/tun_device.hpp"

namespace backstop::tools {

struct ListenerSummary {
  std::string rule;
  std::uint64_t accepted = 0;
};

struct RuleSummary {
  std::string rule;
  HandlerCounters counters;
};

/// The faults that were injected, towards us and away.
struct FaultSummary {
  tun::FaultCounters inbound;
  tun::FaultCounters outbound;
};

struct Summary {
  std::vector<ListenerSummary> listeners;
  std::vector<RuleSummary> rules;
  FallbackCounters fallback;
  Statistics stack;
  tun::TunCounters device;
  std::optional<FaultSummary> faults;
};

/// Several lines, columns aligned. Counters of what never happened are left out where there are many.
std::string table_of(const Summary& summary);
/// The same as {"time":seconds,"event":"summary", ...}.
JsonObject json_of(const Summary& summary, std::int64_t wall_clock);

}  // namespace backstop::tools
