#include "tools/bench/runner.hpp"

#include <time.h>

#include <algorithm>
#include <memory>
#include <set>

#include "tools/command.hpp"

namespace backstop::tools::bench {
namespace {

using Nanoseconds = std::chrono::duration<double, std::nano>;

// One thread's work is timed by what the processor gave it, so that others on the machine cost it little.
Nanoseconds time_on(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

Nanoseconds time_of(Work& work, std::uint64_t operations, clockid_t clock) {
  const Nanoseconds begin = time_on(clock);
  work.run(operations);
  return time_on(clock) - begin;
}

/// A case and its work, made when it is first wanted and kept for all rounds.
class Bench {
 public:
  explicit Bench(const Case& measured) : result{measured, {}} {}

  void measure(Nanoseconds time) {
    if (result.measured.take) {
      if (result.values.empty()) result.values.push_back(result.measured.take());
      return;
    }
    if (!work_) prepare(time);
    result.values.push_back(value_of(result.measured, operations_, time_of(*work_, operations_, clock()).count()));
  }

  Result result;

 private:
  // Finds out how much work fills the time; that also warms everything up.
  void prepare(Nanoseconds time) {
    work_ = result.measured.make();
    Nanoseconds taken{};
    for (operations_ = 16;; operations_ *= 2) {
      taken = time_of(*work_, operations_, clock());
      if (taken >= time / 4) break;
    }
    const double scale = time / taken;
    operations_ = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(static_cast<double>(operations_) * scale));
  }

  [[nodiscard]] clockid_t clock() const { return result.measured.threaded ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID; }

  std::unique_ptr<Work> work_;
  std::uint64_t operations_ = 0;
};

}  // namespace

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double median_ratio(const Result& result, const Result& reference) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(result.values.size(), reference.values.size()); ++i) {
    ratios.push_back(result.values[i] / reference.values[i]);
  }
  return median(ratios);
}

std::vector<Result> run(const std::vector<Case>& cases, const RunOptions& options, const Progress& progress) {
  // What is taken once comes first, while the process is small.
  std::vector<Bench> benches(cases.begin(), cases.end());
  std::ranges::stable_partition(benches, [](const Bench& bench) { return bool{bench.result.measured.take}; });
  for (int round = 1; round <= options.rounds; ++round) {
    for (Bench& bench : benches) {
      progress(round, bench.result.measured);
      bench.measure(options.time);
    }
  }
  std::vector<Result> results;
  for (const Case& one : cases) {
    const auto found = std::ranges::find(benches, one.name, [](const Bench& b) { return b.result.measured.name; });
    results.push_back(found->result);
  }
  return results;
}

std::vector<Case> choose(const std::vector<Case>& all, const std::vector<std::string>& names) {
  if (names.empty()) return all;
  std::set<std::string> wanted;
  for (std::string name : names) {
    while (!name.empty()) {
      const auto found = std::ranges::find(all, name, &Case::name);
      if (found == all.end()) throw UsageError("no case '" + name + "'; --list shows them");
      wanted.insert(name);
      name = found->reference;
    }
  }
  std::vector<Case> chosen;
  std::ranges::copy_if(all, std::back_inserter(chosen), [&](const Case& one) { return wanted.contains(one.name); });
  return chosen;
}

}  // namespace backstop::tools::bench
