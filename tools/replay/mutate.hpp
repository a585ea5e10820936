// Damaged copies of a corpus, to look for what no capture may bring our stack or this tool to: crashes, endless loops,
// packets that make no sense. A mutation is one number; it says which capture is damaged and how.
// Read next: mutant.hpp, which makes one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/replay/run.hpp"

namespace backstop::replay {

/// The mutations seed, seed + 1, ...: `count` of them.
struct Mutations {
  std::uint64_t seed = 0;
  std::uint64_t count = 0;
};

struct MutationTotals {
  std::uint64_t mutations = 0;
  std::uint64_t unreadable = 0;
  Verdicts verdicts;
  std::uint64_t slowest = 0;  ///< its number
  std::chrono::nanoseconds slowest_time{};
  std::vector<std::string> faults;
};

/// Calls `tick` now and then. Captures that cannot be read to begin with are left out; throws UnreadableCapture when
/// none can.
MutationTotals play_mutations(const std::vector<CaptureFile>& files, const RunOptions& options, Mutations mutations,
                              Progress& progress, const std::function<void()>& tick);

}  // namespace backstop::replay
