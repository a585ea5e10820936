// What the commands that read captures have in common on their command lines: --filter and --only, and what becomes of
// a filter that makes no sense.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/command.hpp"

namespace backstop::analysis {

struct TraceOptions {
  std::string filter;
  std::vector<std::uint32_t> only;

  [[nodiscard]] std::set<std::uint32_t> flows() const { return {only.begin(), only.end()}; }
};

inline void add_trace_options(CLI::App& command, TraceOptions& options) {
  command.add_option("--filter", options.filter, "look only at packets that match, in the language of pcap-filter(7)")
      ->type_name("EXPR");
  command.add_option("--only", options.only, "show only the flow with this number, counted from 1; may be repeated")
      ->type_name("FLOW")
      ->check(CLI::PositiveNumber.description(""));
}

/// Calls `read`, which reads captures. A filter that makes no sense is the user's mistake.
template <class Read>
auto with_usage_errors(Read&& read) {
  try {
    return read();
  } catch (const std::invalid_argument& error) {
    throw tools::UsageError(std::string("--filter: ") + error.what());
  }
}

}  // namespace backstop::analysis
