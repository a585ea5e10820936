// `backstop bench` on the command line. What it measures is in catalogue.hpp.
#include <CLI/CLI.hpp>

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <memory>

#include "tools/bench/catalogue.hpp"
#include "tools/bench/report.hpp"
#include "tools/command.hpp"

namespace backstop::tools {
namespace {

constexpr const char* description =
    "Measure the stack in memory: two stacks in one thread, MTU 1500, beside what the machine can do at best.";

constexpr const char* help = R"(Every round runs every case once; the table shows medians, and ratios of the same round.
A case that is a ratio to another brings that one along.

Examples:
  backstop bench
  backstop bench --case bulk --case round-trip --rounds 11
  backstop bench --json | jq -c 'select(.ratio)')";

struct BenchArguments {
  std::vector<std::string> cases;
  int rounds = 5;
  int milliseconds = 100;
  std::string json_file;
  bool json = false;
  bool list = false;
};

void show_progress(int round, const bench::Case& measured, int rounds) {
  if (::isatty(STDERR_FILENO) == 0) return;
  std::cerr << "\r\x1b[Kround " << round << " of " << rounds << ": " << measured.name << std::flush;
}

void run(const BenchArguments& arguments) {
  const auto cases = bench::choose(bench::catalogue(), arguments.cases);
  if (arguments.list) {
    std::cout << bench::list_of(cases);
    return;
  }
  const bench::RunOptions options{arguments.rounds, std::chrono::milliseconds{arguments.milliseconds}};
  const auto results = bench::run(cases, options, [&](int round, const bench::Case& measured) {
    show_progress(round, measured, arguments.rounds);
  });
  if (::isatty(STDERR_FILENO) != 0) std::cerr << "\r\x1b[K";
  if (!arguments.json_file.empty()) {
    std::ofstream file(arguments.json_file);
    if (!(file << bench::json_of(results) << std::flush)) {
      throw UsageError("--json-out " + arguments.json_file + ": cannot be written");
    }
  }
  std::cout << (arguments.json ? bench::json_of(results) : bench::table_of(results));
}

}  // namespace

void add_bench(CLI::App& app) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App* bench = app.add_subcommand("bench", description);
  bench->add_option("--case", arguments->cases, "only this; may be given several times")
      ->allow_extra_args(false)
      ->type_name("NAME");
  bench->add_option("--rounds", arguments->rounds, "of which the median is shown")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  bench->add_option("--time", arguments->milliseconds, "for each case in each round, in milliseconds")
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str();
  bench->add_flag("--json", arguments->json, "print a JSON object for each case");
  bench->add_option("--json-out", arguments->json_file, "write those objects to a file too")->type_name("FILE");
  bench->add_flag("--list", arguments->list, "say what the cases are");
  bench->footer(help);
  bench->callback([arguments] { run(*arguments); });
}

}  // namespace backstop::tools
