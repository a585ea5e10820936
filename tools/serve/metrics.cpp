// The status in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/.
#include <array>
#include <utility>

#include "tools/serve/status.hpp"

namespace backstop::tools {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

class Metrics {
 public:
  /// Begins a family. Its samples follow, and no others.
  Metrics& family(std::string name, std::string_view type, std::string_view help) {
    name_ = "backstop_" + std::move(name);
    text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " + std::string(type) + "\n";
    return *this;
  }
  Metrics& sample(std::uint64_t value, const Labels& labels = {}) {
    text_ += name_;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      text_ += (i == 0 ? "{" : ",") + std::string(labels[i].first) + "=\"" + escaped_label(labels[i].second) + "\"";
    }
    text_ += (labels.empty() ? " " : "} ") + std::to_string(value) + "\n";
    return *this;
  }
  std::string text() { return std::move(text_); }

 private:
  static std::string escaped_label(std::string_view value) {
    std::string text;
    for (const char c : value) {
      if (c == '\\' || c == '"') text += '\\';
      text += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return text;
  }

  std::string name_;
  std::string text_;
};

void add_connections(Metrics& metrics, const Status& status) {
  std::array<std::uint64_t, 11> counts{};
  for (const auto& connection : status.connections) ++counts[static_cast<std::size_t>(connection.info.state)];
  metrics.family("connections", "gauge", "Connections now, by state.");
  for (std::size_t i = 0; i < counts.size(); ++i) metrics.sample(counts[i], {{"state", to_string(State(i))}});
}

void add_rules(Metrics& metrics, const Summary& summary) {
  if (!summary.listeners.empty()) metrics.family("listener_accepted_total", "counter", "Connections of a listener.");
  for (const auto& [rule, accepted] : summary.listeners) metrics.sample(accepted, {{"rule", rule}});
  if (summary.rules.empty()) return;
  metrics.family("rule_asked_total", "counter", "Flows that a fallback rule was asked about.");
  for (const auto& [rule, counters] : summary.rules) metrics.sample(counters.consultations, {{"rule", rule}});
  metrics.family("rule_flows_total", "counter", "What became of the flows of a fallback rule.");
  for (const auto& [rule, counters] : summary.rules) {
    for (std::size_t i = 0; i < verdict_count; ++i) {
      metrics.sample(counters.verdicts[i], {{"rule", rule}, {"verdict", to_string(Verdict(i))}});
    }
  }
}

void add_flows(Metrics& metrics, const Status& status) {
  metrics.family("flows", "gauge", "Flows that the fallback manager holds now.");
  metrics.sample(status.gauges.pending, {{"phase", "pending"}});
  metrics.sample(status.gauges.half_open, {{"phase", "half-open"}}).sample(status.gauges.served, {{"phase", "served"}});
  metrics.family("flows_total", "counter", "What became of the flows that no listener took.");
  for (std::size_t i = 0; i < verdict_count; ++i) {
    metrics.sample(status.summary.fallback.verdicts[i], {{"verdict", to_string(Verdict(i))}});
  }
}

void add_ports(Metrics& metrics, const Status& status) {
  if (status.ports.empty()) return;
  metrics.family("port_flows_total", "counter", "Flows that no listener took, by port; only ports asked for lately.");
  for (const auto& [port, record] : status.ports) metrics.sample(record.flows, {{"port", std::to_string(port)}});
}

void add_counts(Metrics& metrics, const std::string& prefix, const std::vector<Count>& counts) {
  for (const auto& [words, value] : counts) {
    metrics.family(prefix + field_name(words) + "_total", "counter", std::string(words) + ".").sample(value);
  }
}

void add_drops(Metrics& metrics, const Summary& summary) {
  const auto losses = losses_of(summary);
  if (losses.empty()) return;
  metrics.family("drops_total", "counter", "Packets that were dropped, by reason.");
  for (const auto& [words, value] : losses) metrics.sample(value, {{"reason", field_name(words)}});
}

}  // namespace

std::string metrics_of(const Status& status) {
  Metrics metrics;
  add_connections(metrics, status);
  add_rules(metrics, status.summary);
  add_flows(metrics, status);
  add_ports(metrics, status);
  add_counts(metrics, "fallback_", counts_of(status.summary.fallback));
  add_counts(metrics, "", counts_of(status.summary.stack));
  add_drops(metrics, status.summary);
  return metrics.text();
}

}  // namespace backstop::tools
