#include "tools/serve/report.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "tools/table.hpp"

namespace backstop::tools {
namespace {

std::string section(std::string_view title, const std::vector<Count>& counts) {
  if (counts.empty()) return {};
  std::vector<Row> rows{{std::string(title)}};
  for (const auto& [name, value] : counts) rows.push_back({"  " + std::string(name), std::to_string(value)});
  return aligned(rows);
}

std::string listeners_section(const std::vector<ListenerSummary>& listeners) {
  if (listeners.empty()) return {};
  std::vector<Row> rows{{"listeners", "accepted"}};
  for (const auto& [rule, accepted] : listeners) rows.push_back({"  " + rule, std::to_string(accepted)});
  return aligned(rows);
}

/// Flows over a limit, failed, expired and cancelled ones: claimed, and yet not served.
std::uint64_t unserved(const HandlerCounters& counters) {
  return counters.of(Verdict::over_limit) + counters.of(Verdict::failed) + counters.of(Verdict::expired) +
         counters.of(Verdict::cancelled);
}

constexpr std::array rule_columns{Verdict::declined, Verdict::accepted, Verdict::cookie,
                                  Verdict::rejected, Verdict::dropped,  Verdict::unreachable};

std::string rules_section(const std::vector<RuleSummary>& rules) {
  if (rules.empty()) return {};
  std::vector<Row> rows{{"fallback rules", "asked"}};
  for (const Verdict verdict : rule_columns) rows.front().emplace_back(to_string(verdict));
  rows.front().emplace_back("unserved");
  for (const auto& [rule, counters] : rules) {
    Row row{"  " + rule, std::to_string(counters.consultations)};
    for (const Verdict verdict : rule_columns) row.push_back(std::to_string(counters.of(verdict)));
    row.push_back(std::to_string(unserved(counters)));
    rows.push_back(std::move(row));
  }
  return aligned(rows);
}

std::string faults_section(const std::optional<FaultSummary>& faults) {
  if (!faults) return {};
  std::vector<Row> rows{{"injected faults", "packets", "lost", "duplicated", "reordered", "corrupted"}};
  const auto add = [&rows](const char* name, const tun::FaultCounters& counters) {
    rows.push_back({name, std::to_string(counters.packets), std::to_string(counters.lost),
                    std::to_string(counters.duplicated), std::to_string(counters.reordered),
                    std::to_string(counters.corrupted)});
  };
  add("  towards the stack", faults->inbound);
  add("  away from it", faults->outbound);
  return aligned(rows);
}

JsonObject object_of(const std::vector<Count>& counts) {
  JsonObject object;
  for (const auto& [words, value] : counts) object.add(field_name(words), value);
  return object;
}

/// Adds member by member: counters have members of 64 bits and no others.
template <class Counters>
void add_up(Counters& total, const Counters& more) {
  using Numbers = std::array<std::uint64_t, sizeof(Counters) / sizeof(std::uint64_t)>;
  auto sum = std::bit_cast<Numbers>(total);
  std::ranges::transform(sum, std::bit_cast<Numbers>(more), sum.begin(), std::plus<>{});
  total = std::bit_cast<Counters>(sum);
}

}  // namespace

Summary& Summary::operator+=(const Summary& other) {
  listeners.resize(std::max(listeners.size(), other.listeners.size()));
  for (std::size_t i = 0; i < other.listeners.size(); ++i) {
    listeners[i].rule = other.listeners[i].rule;
    listeners[i].accepted += other.listeners[i].accepted;
  }
  rules.resize(std::max(rules.size(), other.rules.size()));
  for (std::size_t i = 0; i < other.rules.size(); ++i) {
    rules[i].rule = other.rules[i].rule;
    add_up(rules[i].counters, other.rules[i].counters);
  }
  add_up(fallback, other.fallback);
  add_up(stack, other.stack);
  add_up(device, other.device);
  if (!faults) {
    faults = other.faults;
  } else if (other.faults) {
    add_up(faults->inbound, other.faults->inbound);
    add_up(faults->outbound, other.faults->outbound);
  }
  return *this;
}

std::vector<Count> counts_of(const Statistics& stack) {
  return {{"connections established", stack.connections_established},
          {"octets received", stack.bytes_received},
          {"octets sent", stack.bytes_sent},
          {"segments received", stack.segments_received},
          {"segments sent", stack.segments_sent},
          {"segments retransmitted", stack.segments_retransmitted},
          {"resets received", stack.resets_received},
          {"resets sent", stack.resets_sent},
          {"unreachables sent", stack.unreachables_sent}};
}

std::vector<Count> losses_of(const Summary& summary) {
  std::vector<Count> counts{{"device: no room", summary.device.dropped_no_room},
                            {"device: link down", summary.device.dropped_link_down},
                            {"device: refused", summary.device.dropped_refused},
                            {"device: bad offload header", summary.device.dropped_inbound}};
  for (std::size_t i = 0; i < drop_count; ++i) {
    counts.push_back({to_string(static_cast<Drop>(i)), summary.stack.drops[i]});
  }
  std::erase_if(counts, [](const Count& count) { return count.value == 0; });
  return counts;
}

std::vector<Count> counts_of(const FallbackCounters& fallback) {
  return {{"syns", fallback.syns},
          {"cookies", fallback.cookies},
          {"absorbed", fallback.absorbed},
          {"repeated", fallback.repeated},
          {"deferred", fallback.deferred},
          {"established", fallback.established},
          {"handshakes failed", fallback.handshakes_failed},
          {"finished", fallback.finished}};
}

std::string field_name(std::string_view words) {
  std::string name(words);
  std::erase(name, ':');
  std::ranges::replace(name, ' ', '_');
  return name;
}

void add_verdicts(JsonObject& object, const Verdicts& verdicts) {
  for (std::size_t i = 0; i < verdict_count; ++i) {
    object.add(field_name(to_string(static_cast<Verdict>(i))), verdicts[i]);
  }
}

std::string table_of(const Summary& summary) {
  std::string text;
  const auto add = [&text](const std::string& section) {
    if (!section.empty() && !text.empty()) text += '\n';
    text += section;
  };
  add(listeners_section(summary.listeners));
  add(rules_section(summary.rules));
  if (!summary.rules.empty()) add(section("fallback", counts_of(summary.fallback)));
  add(section("stack", counts_of(summary.stack)));
  add(section("drops", losses_of(summary)));
  add(faults_section(summary.faults));
  return text;
}

void add_counters(JsonObject& object, const Summary& summary) {
  std::vector<JsonObject> listeners;
  for (const auto& [rule, accepted] : summary.listeners) {
    listeners.emplace_back().add("rule", rule).add("accepted", accepted);
  }
  std::vector<JsonObject> rules;
  for (const auto& [rule, counters] : summary.rules) {
    auto& one = rules.emplace_back();
    one.add("rule", rule).add("asked", counters.consultations);
    add_verdicts(one, counters.verdicts);
  }
  JsonObject fallback = object_of(counts_of(summary.fallback));
  add_verdicts(fallback, summary.fallback.verdicts);
  object.add("listeners", listeners).add("rules", rules).add("fallback", fallback);
  object.add("stack", object_of(counts_of(summary.stack))).add("drops", object_of(losses_of(summary)));
}

JsonObject json_of(const Summary& summary, std::int64_t wall_clock) {
  JsonObject object;
  object.add_seconds("time", wall_clock).add("event", "summary");
  add_counters(object, summary);
  return object;
}

}  // namespace backstop::tools
