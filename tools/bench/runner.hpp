// Takes turns: every case once in a round, several rounds, the median of them. Machines get faster and slower while a
// bench runs, and so all cases of a round see the same machine.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "tools/bench/case.hpp"

namespace backstop::tools::bench {

struct RunOptions {
  int rounds = 5;
  std::chrono::milliseconds time{100};  ///< for each case in each round
};

struct Result {
  Case measured;
  std::vector<double> values{};  ///< one a round
};

[[nodiscard]] double median(std::vector<double> values);
/// The median over the rounds of `result` divided by `reference`, round by round.
[[nodiscard]] double median_ratio(const Result& result, const Result& reference);

/// Told before each case: the round, from 1, and the case.
using Progress = std::function<void(int round, const Case& measured)>;
std::vector<Result> run(const std::vector<Case>& cases, const RunOptions& options, const Progress& progress);

/// The cases named, and those that they are divided by, in the order of `all`. Empty names: all.
/// Throws UsageError for a name that there is none of.
std::vector<Case> choose(const std::vector<Case>& all, const std::vector<std::string>& names);

}  // namespace backstop::tools::bench
