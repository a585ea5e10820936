#include "tools/replay/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "tools/notation/transcript.hpp"

namespace backstop::replay {

ProgressBar::ProgressBar(std::ostream& out, std::string goal, const std::atomic<std::uint64_t>& pieces,
                         const std::atomic<std::uint64_t>& done)
    : out_(out), goal_(std::move(goal)), pieces_(pieces), done_(done), on_terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::ProgressBar(std::ostream& out, const std::vector<CaptureFile>& files, const Progress& progress)
    : ProgressBar(out, counted(files.size(), "capture"), progress.captures, progress.octets) {
  if (!on_terminal_) return;
  for (const CaptureFile& file : files) {
    std::error_code unknown;
    const auto size = std::filesystem::file_size(file.path, unknown);
    if (!unknown) all_ += size;
  }
}

ProgressBar::ProgressBar(std::ostream& out, Mutations mutations, const Progress& progress)
    : ProgressBar(out, counted(mutations.count, "mutation"), progress.captures, progress.captures) {
  all_ = mutations.count;
}

void ProgressBar::draw() {
  constexpr std::uint64_t width = 30;
  if (!on_terminal_ || all_ == 0) return;
  const std::uint64_t done = std::min<std::uint64_t>(done_, all_);
  const std::uint64_t filled = width * done / all_;
  const std::chrono::duration<double> passed = Clock::now() - began_;
  const double left = done == 0 ? 0 : passed.count() * static_cast<double>(all_ - done) / static_cast<double>(done);
  out_ << "\r[" << std::string(filled, '#') << std::string(width - filled, '-') << "] " << 100 * done / all_ << " %, "
       << pieces_ << " of " << goal_ << ", " << static_cast<long>(left + 0.5) << " s left\x1b[K" << std::flush;
  drawn_ = true;
}

void ProgressBar::clear() {
  if (drawn_) out_ << "\r\x1b[K" << std::flush;
}

void summarize(std::ostream& out, const Totals& totals, const RunOptions& options, std::chrono::nanoseconds time) {
  out << counted(totals.captures, "capture");
  if (totals.unreadable > 0) out << " (" << totals.unreadable << " unreadable)";
  out << ", " << counted(totals.counts.frames, "packet");
  const std::string remarks = remarks_on(totals.counts);
  if (!remarks.empty()) out << " (" << remarks << ")";
  out << ", " << to_string(totals.verdicts) << "; " << notation::format(time).substr(0, 5) << " s\n";
  if (totals.goldens_written > 0) out << counted(totals.goldens_written, "golden") << " written\n";
  const bool against_golden = !options.golden.empty() && !options.update_golden;
  if (totals.different > 0 && against_golden) {
    out << "if the difference is meant: the same command with --update-golden makes it the golden\n";
  }
  out << std::flush;
}

void summarize(std::ostream& out, const MutationTotals& totals) {
  out << counted(totals.mutations, "mutation") << " (" << totals.unreadable << " unreadable), "
      << to_string(totals.verdicts) << "; " << counted(totals.faults.size(), "fault") << "; the slowest, "
      << totals.slowest << ", took " << notation::format(totals.slowest_time) << " s\n"
      << std::flush;
}

}  // namespace backstop::replay
