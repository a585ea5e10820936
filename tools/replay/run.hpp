// Replays a corpus: each capture by one of several threads, with a golden where there are some; everything is reported
// in the order of the corpus, however the threads take turns.
// Read next: report.hpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/replay/report.hpp"

namespace backstop::replay {

struct RunOptions {
  ReplayOptions replay;
  std::string filter;
  std::string golden;  ///< the folder of goldens; empty: none
  bool update_golden = false;
  unsigned jobs = 1;
};

/// Counted up while the run goes on, for whoever shows it.
struct Progress {
  std::atomic<std::uint64_t> captures = 0;  ///< or mutations
  std::atomic<std::uint64_t> octets = 0;    ///< read of captures
};

/// Calls `tick` now and then. Throws std::invalid_argument for a filter that is wrong, and std::runtime_error for a
/// golden that cannot be read or written.
Totals run(const std::vector<CaptureFile>& files, const RunOptions& options,
           const std::vector<std::unique_ptr<Report>>& reports, Progress& progress, const std::function<void()>& tick);

}  // namespace backstop::replay
