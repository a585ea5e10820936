// What a replay says on stderr: a bar while it runs, when somebody watches, and a summary at the end.
// Read next: run.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <vector>

#include "tools/replay/mutate.hpp"
#include "tools/replay/run.hpp"

namespace backstop::replay {

/// "[##########----------]  52 %, 312 of 600 captures, 7 s left", drawn over itself. Nothing when stderr is no
/// terminal.
class ProgressBar {
 public:
  ProgressBar(std::ostream& out, const std::vector<CaptureFile>& files, const Progress& progress);
  void draw();
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  std::ostream& out_;
  const Progress& progress_;
  std::uint64_t captures_;
  std::uint64_t octets_ = 0;
  bool on_terminal_;
  bool drawn_ = false;
  Clock::time_point began_ = Clock::now();
};

void summarize(std::ostream& out, const Totals& totals, const RunOptions& options, std::chrono::nanoseconds time);

void summarize(std::ostream& out, const MutationTotals& totals);

}  // namespace backstop::replay
