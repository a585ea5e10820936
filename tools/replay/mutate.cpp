#include "tools/replay/mutate.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

#include "tools/capture/capture_error.hpp"
#include "tools/replay/lines.hpp"
#include "tools/replay/mutant.hpp"
#include "tun/file_descriptor.hpp"

// Where a sanitizer is, it calls back before it ends the process.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace backstop::replay {
namespace {

// --- Last words: which mutation it was, should the process die of it.

thread_local std::array<char, 256> present_mutation{};

void write_last_words() {
  const std::size_t size = ::strnlen(present_mutation.data(), present_mutation.size());
  static_cast<void>(::write(STDERR_FILENO, present_mutation.data(), size));
}

std::string name_of_mutation(const CaptureFile& file, std::uint64_t number) {
  return "mutation " + std::to_string(number) + " of " + file.path;
}

void prepare_last_words(const CaptureFile& file, std::uint64_t number) {
  const std::string words = "backstop replay: died of " + name_of_mutation(file, number) + "\n";
  present_mutation.fill('\0');
  words.copy(present_mutation.data(), present_mutation.size() - 1);
}

// --- One mutation.

// A file that is only in memory, with a path like any other.
class MemoryFile {
 public:
  explicit MemoryFile(Bytes content) : file_(tun::checked(::memfd_create("mutant", MFD_CLOEXEC), "memfd_create")) {
    while (!content.empty()) {
      const ssize_t written = ::write(file_.get(), content.data(), content.size());
      if (written < 0) tun::throw_errno("write to memory");
      content = content.subspan(static_cast<std::size_t>(written));
    }
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(file_.get()); }

 private:
  tun::FileDescriptor file_;
};

// Everything that is code of ours takes part: all levels, stories, every role and application in its turn.
ReplayOptions options_for(std::uint64_t number, ReplayOptions options) {
  options.levels = {Level::outcome, Level::acks, Level::segments};
  options.keep_stories = true;
  options.octets_read = nullptr;
  options.role = number % 2 == 0 ? Role::server : Role::client;
  options.checksum = number % 3 == 0 ? ChecksumPolicy::ignore : ChecksumPolicy::automatic;
  constexpr std::array<ApplicationKind, 8> applications{
      ApplicationKind::captured, ApplicationKind::captured, ApplicationKind::captured, ApplicationKind::captured,
      ApplicationKind::captured, ApplicationKind::echo,     ApplicationKind::discard,  ApplicationKind::chargen};
  options.application = applications[number / 2 % applications.size()];
  return options;
}

struct MutationResult {
  bool unreadable = false;
  Verdicts verdicts;
  std::vector<std::string> faults;
};

MutationResult play_mutation(const CaptureImage& image, const RunOptions& options, std::uint64_t number) {
  MutationResult result;
  const MemoryFile file(make_mutant(image, number));
  try {
    replay_capture(file.path(), options.filter, options_for(number, options.replay), [&](const FlowResult& flow) {
      result.verdicts.count(flow.verdict);
      result.faults.insert(result.faults.end(), flow.faults.begin(), flow.faults.end());
      static_cast<void>(transcript(flow));
    });
  } catch (const capture::UnreadableCapture&) {
    result.unreadable = true;
  }
  return result;
}

// --- All of them.

class Mutating {
 public:
  Mutating(const std::vector<CaptureFile>& files, const RunOptions& options, Mutations mutations, Progress& progress)
      : options_(options), mutations_(mutations), progress_(progress) {
    // Why: what a longer capture does wrong, its beginning does as well.
    constexpr std::size_t most_frames = 2000;
    std::string last_error;
    for (const CaptureFile& file : files) try {
        images_.push_back(read_image(file.path, most_frames));
        files_.push_back(file);
      } catch (const capture::UnreadableCapture& error) {
        last_error = error.what();
      }
    if (files_.empty()) throw capture::UnreadableCapture(last_error);
  }

  void play_some() try {
    using Clock = std::chrono::steady_clock;
    for (std::uint64_t i = next_++; i < mutations_.count && !failure_; i = next_++) {
      const std::uint64_t number = mutations_.seed + i;
      const CaptureFile& file = files_[number % files_.size()];
      prepare_last_words(file, number);
      const auto began = Clock::now();
      const MutationResult result = play_mutation(images_[number % images_.size()], options_, number);
      add(result, file, number, Clock::now() - began);
    }
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::current_exception();
  }

  [[nodiscard]] bool is_over() const { return totals_.mutations == mutations_.count || failure_; }
  MutationTotals end() {
    if (failure_) std::rethrow_exception(failure_);
    std::ranges::sort(totals_.faults);
    return std::move(totals_);
  }
  template <class Tick>
  void wait(const Tick& tick) {
    constexpr std::chrono::milliseconds between_ticks{100};
    std::unique_lock lock(mutex_);
    while (!added_.wait_for(lock, between_ticks, [&] { return is_over(); })) tick();
  }

 private:
  void add(const MutationResult& result, const CaptureFile& file, std::uint64_t number, std::chrono::nanoseconds time) {
    const std::scoped_lock lock(mutex_);
    ++totals_.mutations;
    ++progress_.captures;
    totals_.unreadable += result.unreadable ? 1 : 0;
    totals_.verdicts += result.verdicts;
    if (time > totals_.slowest_time) {
      totals_.slowest = number;
      totals_.slowest_time = time;
    }
    for (const std::string& fault : result.faults)
      totals_.faults.push_back(name_of_mutation(file, number) + ": " + fault);
    if (is_over()) added_.notify_all();
  }

  const RunOptions& options_;
  Mutations mutations_;
  Progress& progress_;
  std::vector<CaptureFile> files_;
  std::vector<CaptureImage> images_;
  std::atomic<std::uint64_t> next_ = 0;
  std::mutex mutex_;
  std::condition_variable added_;
  MutationTotals totals_;
  std::exception_ptr failure_;
};

}  // namespace

MutationTotals play_mutations(const std::vector<CaptureFile>& files, const RunOptions& options, Mutations mutations,
                              Progress& progress, const std::function<void()>& tick) {
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(write_last_words);
  std::signal(SIGABRT, [](int) { write_last_words(); });  // a failed assertion
  Mutating mutating(files, options, mutations, progress);
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < options.jobs; ++i) threads.emplace_back([&] { mutating.play_some(); });
    mutating.wait(tick);
  }
  return mutating.end();
}

}  // namespace backstop::replay
