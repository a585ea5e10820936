// What a replay says on stderr: a bar while it runs, when somebody watches, and a summary at the end.
// Read next: run.hpp.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "tools/replay/mutate.hpp"
#include "tools/replay/run.hpp"

namespace backstop::replay {

/// "[##########----------]  52 %, 312 of 600 captures, 7 s left", drawn over itself. Nothing when stderr is no
/// terminal.
class ProgressBar {
 public:
  /// Of captures, by how much of them was read.
  ProgressBar(std::ostream& out, const std::vector<CaptureFile>& files, const Progress& progress);
  /// Of so many mutations.
  ProgressBar(std::ostream& out, Mutations mutations, const Progress& progress);
  void draw();
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  ProgressBar(std::ostream& out, std::string goal, const std::atomic<std::uint64_t>& pieces,
              const std::atomic<std::uint64_t>& done);

  std::ostream& out_;
  std::string goal_;
  const std::atomic<std::uint64_t>& pieces_;
  const std::atomic<std::uint64_t>& done_;
  std::uint64_t all_ = 0;
  bool on_terminal_;
  bool drawn_ = false;
  Clock::time_point began_ = Clock::now();
};

void summarize(std::ostream& out, const Totals& totals, const RunOptions& options, std::chrono::nanoseconds time);

void summarize(std::ostream& out, const MutationTotals& totals);

}  // namespace backstop::replay
