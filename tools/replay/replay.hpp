// Replays a whole capture: its packets are sorted into flows as they are read, and each flow is played.
// Read next: replay_command.cpp.
#pragma once

#include <functional>
#include <list>
#include <string>
#include <unordered_map>

#include "tools/capture/packet_reader.hpp"
#include "tools/replay/flow.hpp"

namespace backstop::replay {

struct CaptureResult {
  capture::CaptureCounts counts;
  std::uint64_t tcp_packets = 0;
  std::uint64_t other_packets = 0;  ///< IPv4 that is not TCP, or belongs to no flow
  std::uint32_t flows = 0;
};

/// Called with each flow when it has ended, in the order of their ends.
using FlowSink = std::function<void(FlowResult)>;

/// Throws capture::UnreadableCapture; what was replayed before the damage has gone to `sink` by then.
CaptureResult replay_capture(const std::string& path, const std::string& filter, const ReplayOptions& options,
                             const FlowSink& sink);

}  // namespace backstop::replay
