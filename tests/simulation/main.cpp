// backstop_simulate: plays many worlds, one for each seed. A seed in which the stack breaks a rule is played again with
// its transcript printed; an assertion that fails says which seed it was.
// Exit status: 0 all seeds kept the rules, 1 one broke them, 2 wrong arguments.
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/simulation/failure.hpp"
#include "tests/simulation/world.hpp"

// Set in builds with a sanitizer, so that its reports too say which seed it was.
extern "C" void __sanitizer_set_death_callback(void (*)()) __attribute__((weak));

namespace backstop::simulation {
namespace {

struct Options {
  std::uint64_t seeds = 1000;
  std::optional<std::uint64_t> seed;
  unsigned jobs = 1;
  std::size_t lines = 400;
  bool keep_going = false;
};

thread_local std::uint64_t seed_being_played = 0;
thread_local const notation::Transcript* story_being_told = nullptr;

// What is left to say when the process dies under a world: allocation and all, for there is nothing to lose.
void say_last_words() {
  if (story_being_told != nullptr) std::cout << story_being_told->text() << std::flush;
  std::cerr << "seed " << seed_being_played << " ended the process; ./dev simulate --seed " << seed_being_played
            << " tells its story\n";
}

void on_signal(int signal) {
  std::signal(signal, SIG_DFL);
  say_last_words();
  std::raise(signal);
}

/// Plays one world. What rule was broken, or nothing.
std::optional<std::string> play(std::uint64_t seed, Tally& tally, notation::Transcript* story = nullptr) {
  seed_being_played = seed;
  story_being_told = story;
  const Plan plan = draw_plan(seed);
  World world{plan, story};
  std::optional<std::string> failure;
  try {
    world.run();
  } catch (const std::exception& broken) {
    failure = broken.what();
  }
  tally += world.tally();
  story_being_told = nullptr;
  return failure;
}

bool play_aloud(std::uint64_t seed, std::size_t lines) {
  const Plan plan = draw_plan(seed);
  std::cout << describe(plan);
  notation::Transcript story{plan.start, {.addresses = true, .last_lines = lines}};
  Tally tally;
  const auto failure = play(seed, tally, &story);
  std::cout << story.text();
  if (failure) std::cout << "seed " << seed << ": " << *failure << "\n";
  std::cout << std::flush;
  return !failure;
}

std::string summary(const Tally& tally, double seconds) {
  char line[300];
  std::snprintf(line, sizeof line,
                "%llu seeds in %.1f s (%.0f a second): %llu ends of connections, %llu complete, %llu with an error; "
                "%llu packets, %llu lost, %llu retransmitted, %llu timeouts; %llu octets read",
                static_cast<unsigned long long>(tally.worlds), seconds, static_cast<double>(tally.worlds) / seconds,
                static_cast<unsigned long long>(tally.ends), static_cast<unsigned long long>(tally.ends_complete),
                static_cast<unsigned long long>(tally.ends_with_error), static_cast<unsigned long long>(tally.packets),
                static_cast<unsigned long long>(tally.lost), static_cast<unsigned long long>(tally.retransmitted),
                static_cast<unsigned long long>(tally.retransmission_timeouts),
                static_cast<unsigned long long>(tally.octets_read));
  return line;
}

/// Hands out seeds to threads until all are played or one has failed.
class Run {
 public:
  explicit Run(const Options& options) : options_(options), next_(options.seed.value_or(1)) {
    end_ = next_ + options.seeds;
  }

  bool play_all() {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < options_.jobs; ++i) threads.emplace_back([this] { work(); });
    threads.clear();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (isatty(STDERR_FILENO) != 0) std::cerr << "\r\x1b[K";
    std::cout << summary(tally_, took.count()) << std::endl;
    if (!failed_) return true;
    play_aloud(*failed_, options_.lines);
    return false;
  }

 private:
  void work() {
    while (!stop_) {
      const std::uint64_t seed = next_++;
      if (seed >= end_) return;
      Tally tally;
      const auto failure = play(seed, tally);
      const std::lock_guard lock{mutex_};
      tally_ += tally;
      if (failure) note_failure(seed, *failure);
      show_progress();
    }
  }

  void note_failure(std::uint64_t seed, const std::string& what) {
    if (!failed_ || seed < *failed_) failed_ = seed;
    if (!options_.keep_going) stop_ = true;
    if (options_.keep_going) std::cout << "seed " << seed << ": " << what.substr(0, what.find('\n')) << std::endl;
  }

  void show_progress() {
    if (isatty(STDERR_FILENO) == 0 || tally_.worlds % 64 != 0) return;
    std::cerr << "\r" << tally_.worlds << " of " << options_.seeds << " seeds" << std::flush;
  }

  const Options& options_;
  std::atomic<std::uint64_t> next_;
  std::uint64_t end_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  Tally tally_;
  std::optional<std::uint64_t> failed_;
};

int run(int argc, char** argv) {
  CLI::App app{
      "Plays simulated worlds of hosts on bad cables, one for each seed, and checks what every packet and user "
      "must see."};
  Options options;
  std::uint64_t seed = 0;
  app.add_option("--seeds", options.seeds, "how many seeds to play")->check(CLI::PositiveNumber)->capture_default_str();
  auto* one = app.add_option("--seed", seed, "the first seed; alone: play only this one, and print its transcript");
  app.add_option("--jobs", options.jobs, "threads")->check(CLI::Range(1, 256))->capture_default_str();
  app.add_flag("--keep-going", options.keep_going, "play all seeds even when some fail, and list those");
  app.add_option("--lines", options.lines, "lines of the transcript to print, the last ones; 0: all")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGILL}) std::signal(signal, on_signal);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(say_last_words);
  // Why: a world's memory is taken and given back as a whole; asking the kernel for it each time costs more than a
  // world.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  if (one->count() > 0) options.seed = seed;
  if (one->count() > 0 && app.count("--seeds") == 0) return play_aloud(seed, options.lines) ? 0 : 1;
  return Run{options}.play_all() ? 0 : 1;
}

}  // namespace
}  // namespace backstop::simulation

int main(int argc, char** argv) { return backstop::simulation::run(argc, argv); }
