// What a run of `backstop serve` is doing at one moment: the table of connections in the manner of `ss -ti`, the flows
// that are not connections yet, what is remembered of ports, and the counters. For a person as tables, for a program as
// JSON, and for Prometheus in its text format. Pure.
// Read next: status_socket.hpp, where it can be asked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fallback/manager.hpp"
#include "stack/stack.hpp"
#include "tools/serve/report.hpp"

namespace backstop::tools {

/// The rule of these is the one that claimed the flow, or the listener's; empty where that is not known any more.
struct ConnectionStatus {
  ConnectionInfo info;
  std::string_view rule;
  unsigned queue = 0;
};
struct FlowStatus {
  FlowSnapshot flow;
  std::string_view rule;
  unsigned queue = 0;
};
struct PortStatus {
  std::uint16_t port = 0;
  PortRecord record;
};

struct Status {
  Instant now{};                ///< what ages count to
  std::int64_t wall_clock = 0;  ///< nanoseconds since 1970
  unsigned queues = 1;          ///< of the device; where there is one only, nobody is told which it is
  std::vector<Endpoint> listening;
  std::vector<ConnectionStatus> connections;
  std::vector<FlowStatus> flows;  ///< pending and half-open ones
  std::vector<PortStatus> ports;  ///< the one asked for last first
  FallbackGauges gauges;
  Summary summary;

  /// Adds what another queue is doing.
  Status& operator+=(Status other);
};

std::string tables_of(const Status& status);
JsonObject json_of(const Status& status);
/// Prometheus' text format, version 0.0.4.
std::string metrics_of(const Status& status);

}  // namespace backstop::tools
