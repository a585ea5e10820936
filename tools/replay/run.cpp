#include "tools/replay/run.hpp"

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "tools/capture/capture_error.hpp"
#include "tools/replay/golden.hpp"

namespace backstop::replay {
namespace {

// --- One capture.

// Flows that differ are played once more to show how: keeping every story for the case costs half the speed.
class CapturePlay {
 public:
  CapturePlay(const CaptureFile& file, const RunOptions& options, FlowSink sink)
      : options_(options), replay_(options.replay), sink_(std::move(sink)) {
    report_.file = file;
    if (file.path == "-") replay_.keep_stories = true;  // it cannot be read twice
    if (!options.golden.empty()) golden_.emplace(options.golden, file.name);
  }

  CaptureReport play() {
    try {
      report_.result = replay_capture(report_.file.path, options_.filter, replay_,
                                      [this](FlowResult flow) { judge(std::move(flow)); });
      explain();
    } catch (const capture::UnreadableCapture& error) {
      report_.unreadable = error.what();
    }
    for (auto& [number, flow] : unexplained_) sink_(std::move(flow));
    if (golden_) finish_golden();
    return std::move(report_);
  }

 private:
  static constexpr std::size_t most_explained = 20;

  void judge(FlowResult flow) {
    if (golden_) compare_with_golden(flow);
    report_.verdicts.count(flow.verdict);
    if (flow.verdict == Verdict::different && !replay_.keep_stories && unexplained_.size() < most_explained) {
      unexplained_.emplace(flow.number, std::move(flow));
    } else {
      sink_(std::move(flow));
    }
  }

  void compare_with_golden(FlowResult& flow) {
    std::string diff = golden_->take(flow, replay_.ignored);
    if (diff.empty() || options_.update_golden || !replay_.levels.contains(Level::bytes)) return;
    flow.differences.push_back({Level::bytes, std::move(diff)});
    flow.verdict = Verdict::different;
  }

  void explain() {
    if (unexplained_.empty()) return;
    ReplayOptions options = replay_;
    options.keep_stories = true;
    options.follower = nullptr;
    options.octets_read = nullptr;
    for (const auto& [number, flow] : unexplained_) options.only.insert(number);
    replay_capture(report_.file.path, options_.filter, options, [this](FlowResult again) {
      if (const auto flow = unexplained_.find(again.number); flow != unexplained_.end()) {
        flow->second.diff = std::move(again.diff);
      }
    });
  }

  void finish_golden() {
    const bool is_whole = replay_.only.empty() && report_.unreadable.empty();
    if (options_.update_golden) {
      report_.golden_written = is_whole && golden_->write();
    } else if (is_whole && replay_.levels.contains(Level::bytes)) {
      report_.missing_flows = golden_->missing_flows();
    }
  }

  const RunOptions& options_;
  ReplayOptions replay_;
  FlowSink sink_;
  CaptureReport report_;
  std::optional<Golden> golden_;
  std::map<std::uint32_t, FlowResult> unexplained_;
};

// --- All of them.

// Tells what several threads find out, in the order of the captures.
class Teller {
 public:
  Teller(const std::vector<CaptureFile>& files, const std::vector<std::unique_ptr<Report>>& reports)
      : files_(files), reports_(reports) {}

  void flow(std::size_t index, FlowResult flow) {
    const std::scoped_lock lock(mutex_);
    if (index == front_) {
      tell(index, flow);
    } else {
      early_[index].flows.push_back(std::move(flow));
    }
  }

  void capture(std::size_t index, CaptureReport report) {
    const std::scoped_lock lock(mutex_);
    if (index != front_) {
      early_[index].report = std::move(report);
      return;
    }
    finish_front(report);
    while (!early_.empty() && early_.begin()->first == front_) {
      const Kept kept = std::move(early_.extract(early_.begin()).mapped());
      for (const FlowResult& flow : kept.flows) tell(front_, flow);
      if (!kept.report) break;
      finish_front(*kept.report);
    }
    moved_.notify_all();
  }

  /// Nothing more will be told: `failure` ends it.
  void fail(std::exception_ptr failure) {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
    moved_.notify_all();
  }

  /// Waits until the capture is among the next `lead` to be told, as all that is told early is kept. False: no more.
  bool wait_for_turn(std::size_t index, std::size_t lead) {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return failure_ || index < front_ + lead; });
    return !failure_;
  }
  /// Waits for the end. False: `time` has passed before.
  bool wait_for_end(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return moved_.wait_for(lock, time, [&] { return failure_ || front_ == files_.size(); });
  }

  Totals end() {
    if (failure_) std::rethrow_exception(failure_);
    for (const auto& report : reports_) report->end(totals_);
    return totals_;
  }

 private:
  struct Kept {
    std::vector<FlowResult> flows;
    std::optional<CaptureReport> report;
  };

  void tell(std::size_t index, const FlowResult& flow) {
    for (const auto& report : reports_) report->flow(files_[index], flow);
  }
  void finish_front(const CaptureReport& report) {
    for (const auto& to : reports_) to->capture(report);
    totals_.add(report);
    ++front_;
  }

  const std::vector<CaptureFile>& files_;
  const std::vector<std::unique_ptr<Report>>& reports_;
  std::mutex mutex_;
  std::condition_variable moved_;
  std::size_t front_ = 0;
  std::map<std::size_t, Kept> early_;
  Totals totals_;
  std::exception_ptr failure_;
};

void play_some(const std::vector<CaptureFile>& files, const RunOptions& options, std::atomic<std::size_t>& next,
               Teller& teller, Progress& progress) try {
  const std::size_t lead = std::size_t{4} * options.jobs;
  for (std::size_t index = next++; index < files.size(); index = next++) {
    if (!teller.wait_for_turn(index, lead)) return;
    CapturePlay play(files[index], options, [&](FlowResult flow) { teller.flow(index, std::move(flow)); });
    teller.capture(index, play.play());
    ++progress.captures;
  }
} catch (...) {
  teller.fail(std::current_exception());
}

}  // namespace

Totals run(const std::vector<CaptureFile>& files, const RunOptions& options,
           const std::vector<std::unique_ptr<Report>>& reports, Progress& progress, const std::function<void()>& tick) {
  constexpr std::chrono::milliseconds between_ticks{100};
  Teller teller(files, reports);
  std::atomic<std::size_t> next = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < options.jobs; ++i) {
      threads.emplace_back([&] { play_some(files, options, next, teller, progress); });
    }
    while (!teller.wait_for_end(between_ticks)) tick();
  }
  return teller.end();
}

}  // namespace backstop::replay
