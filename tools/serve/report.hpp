// What a run of `backstop serve` has seen, for a person as a table and for a program as JSON. Pure.
// Read next: server.hpp, which fills it in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

  /// Adds what another queue has seen. It has the same listeners and rules, or none when it has ended.
  Summary& operator+=(const Summary& other);
};

/// A counter and its name, in words.
struct Count {
  std::string_view name;
  std::uint64_t value;
};
std::vector<Count> counts_of(const Statistics& stack);
std::vector<Count> counts_of(const FallbackCounters& fallback);
/// What was lost, by reason; reasons that never came are left out.
std::vector<Count> losses_of(const Summary& summary);
/// Words as the name of a field: "segments_sent".
std::string field_name(std::string_view words);

/// Several lines, columns aligned. Counters of what never happened are left out where there are many.
std::string table_of(const Summary& summary);
/// The same as {"time":seconds,"event":"summary", ...}.
JsonObject json_of(const Summary& summary, std::int64_t wall_clock);

using Verdicts = std::array<std::uint64_t, verdict_count>;
/// The parts of these, for who puts them into an object of his own.
void add_counters(JsonObject& object, const Summary& summary);
void add_verdicts(JsonObject& object, const Verdicts& verdicts);

}  // namespace backstop::tools
