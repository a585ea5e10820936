// `backstop replay` on the command line: its options, its help, where its output goes and its exit code.
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>

#include "tools/command.hpp"
#include "tools/page/html_report.hpp"
#include "tools/replay/arguments.hpp"
#include "tools/replay/followers.hpp"
#include "tools/replay/progress.hpp"

namespace backstop::tools {
namespace {

using namespace replay;

constexpr const char* description =
    "Replay captures: our stack takes a captured host's part, and what it does is compared with what the host did, "
    "or with what it did itself when it was right.";

constexpr const char* help = R"(How it works:
  The packets of the captured peer go to our stack as they are, in the capture's time; nothing sleeps. Our stack opens
  with the captured host's numbers, and its user writes what the host wrote, when it did. The capture cannot react: a
  packet that acknowledges what our stack has not sent yet waits until it has, at most --max-hold.
  Flows that cannot be replayed (no SYN in the capture, signed segments, text that was cut off) are counted, with the
  reason.

Captures:
  pcap and pcapng in either byte order, gzipped or not, - for standard input; Ethernet (with VLAN tags, PPPoE), Linux
  cooked, BSD loopback, raw IP, PPP. IP fragments are put together. Of folders, all that end in .pcap, .pcapng, .cap,
  .dmp, and these with .gz.

Levels of --compare:
  outcome    was it opened, what did either side deliver, who closed it how, the state at the end
  acks       what was acknowledged, holes and duplicates included; how many acknowledgments said so does not matter
  segments   every segment's control bits, numbers, length and kinds of options
  bytes      every octet, with the golden
  Without --golden the captured host is the measure, by outcome and acks: even two runs of one host differ in more.

Mutations:
  Mutation N is the same on every machine. It takes one of the captures, flips bits, cuts, duplicates and moves packets,
  mends most checksums, so that the damage is not dropped with them, and plays what is left with a role, an application
  and a checksum policy of its own. --mutate N,1 plays a single one again.

Exit code:
  0  all the same     1  something differs     2  wrong usage     3  a capture that cannot be read

Examples:
  backstop replay trace.pcap                        does our stack come to the same as the server in there?
  backstop replay --transcript --only 2 trace.pcap  what happens in the second flow, packet by packet
  backstop replay --local client client-side.pcap   play the side that opened
  backstop replay --golden golden --update-golden captures     keep what our stack does today ...
  backstop replay --golden golden captures                     ... and see every octet that has changed
  backstop replay --report junit=1.xml --shard 1/4 captures    a quarter of a corpus, for a build server
  backstop replay --report html=page.html captures    a page with every flow's ladder and plot, for a browser
  backstop replay --pcap-out - trace.pcap | wireshark -k -i -)";

void add_play_options(CLI::App& replay, ReplayArguments& arguments) {
  replay.add_option("captures", arguments.captures, "captures, and folders of them")
      ->required()
      ->type_name("TRACE|FOLDER");
  replay.add_option("--local", arguments.local, "whose part is ours: an address, client, or server (the default)")
      ->type_name("ADDR[:PORT]|ROLE");
  replay.add_option("--app", arguments.application, "our user: capture (the default), echo, discard or chargen")
      ->type_name("KIND");
  replay
      .add_option("--checksum", arguments.checksum,
                  "TCP checksums: verify, ignore, or auto (the default): take those that a network card was to compute")
      ->type_name("HOW");
  replay.add_option("--max-hold", arguments.max_hold, "how long a packet waits for our stack; 3 unless given")
      ->type_name("SECONDS");
  replay.add_option("--filter", arguments.filter, "only packets that this passes, as tcpdump's (pcap-filter(7))")
      ->type_name("EXPR");
  replay.add_option("--only", arguments.only, "only these flows, by number")->delimiter(',')->type_name("FLOW,...");
  replay.add_flag("--realtime{1}", arguments.realtime, "let time pass as in the capture, =2 for twice as fast")
      ->type_name("[=SPEED]");
}

void add_compare_options(CLI::App& replay, ReplayArguments& arguments) {
  replay.add_option("--compare", arguments.levels, "what must be the same: outcome, acks, segments, bytes")
      ->delimiter(',')
      ->type_name("LEVEL,...");
  replay
      .add_option(
          "--ignore", arguments.ignored,
          "what may differ in segments and bytes: window, ipid, ttl, tos, timestamps, options, push, text, time")
      ->delimiter(',')
      ->type_name("FIELD,...");
  replay.add_option("--golden", arguments.golden, "compare with the goldens in this folder")->type_name("DIR");
  replay.add_flag("--update-golden", arguments.update_golden, "make what our stack does now the goldens");
}

void add_output_options(CLI::App& replay, ReplayArguments& arguments) {
  replay.add_flag("--list", arguments.list, "only list the flows");
  replay.add_flag("-t,--transcript", arguments.transcript,
                  "print every packet: < arrives, > ours, ~ the captured host's");
  replay.add_flag("--json", arguments.json, "print a JSON object a line: every packet, every flow");
  replay
      .add_option("--report", arguments.reports, "also report as tap, junit, json or html; may be given several times")
      ->allow_extra_args(false)
      ->type_name("FORMAT[=FILE]");
  replay.add_option("--pcap-out", arguments.pcap_out, "write what our stack received and sent, - for stdout")
      ->type_name("FILE");
}

void add_corpus_options(CLI::App& replay, ReplayArguments& arguments) {
  replay.add_option("--jobs", arguments.jobs, "captures at a time; as many as there are cores unless given")
      ->type_name("N");
  replay
      .add_option("--shard", arguments.shard,
                  "only the Ith of N shares of the captures, by the hash of their names; 0/N is N/N")
      ->type_name("I/N");
  replay
      .add_option("--mutate", arguments.mutate,
                  "play damaged copies instead, 1000 unless given, to look for crashes and faults of our own")
      ->type_name("SEED[,COUNT]");
}

// Where reports go. Files live as long as the reports that write to them.
class Outputs {
 public:
  std::ostream& open(const std::string& path) {
    if (path == "-") return std::cout;
    auto& file = files_.emplace_back(std::make_unique<std::ofstream>(path));
    if (!*file) throw UsageError("cannot write " + path + ": " + std::strerror(errno));
    return *file;
  }

 private:
  std::vector<std::unique_ptr<std::ofstream>> files_;
};

std::unique_ptr<Report> make_report(const ReportRequest& request, Outputs& outputs) {
  std::ostream& out = outputs.open(request.path);
  if (request.format == "tap") return tap_report(out);
  if (request.format == "junit") return junit_report(out);
  if (request.format == "html") return page::html_report(out);
  return json_report(out);
}

// The report on standard output: what readers get, unless something else has it.
std::unique_ptr<Report> main_report(const ReplayCommand& command) {
  const bool stdout_is_taken =
      command.pcap_out == "-" ||
      std::ranges::any_of(command.reports, [](const ReportRequest& report) { return report.path == "-"; });
  if (stdout_is_taken) return nullptr;
  if (command.json) return json_report(std::cout);
  if (command.run.replay.list_only) return list_report(std::cout);
  return console_report(std::cout, command.transcript);
}

std::unique_ptr<Followers> make_followers(const ReplayCommand& command) {
  auto followers = std::make_unique<Followers>();
  if (command.speed) followers->add(std::make_unique<Pace>(*command.speed));
  if (!command.pcap_out.empty()) followers->add(std::make_unique<CaptureWriter>(command.pcap_out));
  if (command.json) followers->add(std::make_unique<JsonPackets>(std::cout));
  return followers;
}

int exit_code_of(const Totals& totals) {
  if (totals.unreadable > 0) return exit_unreadable;
  return totals.different > 0 ? exit_failure : 0;
}

Totals run_command(ReplayCommand& command) {
  Outputs outputs;
  std::vector<std::unique_ptr<Report>> reports;
  if (auto report = main_report(command)) reports.push_back(std::move(report));
  for (const ReportRequest& request : command.reports) reports.push_back(make_report(request, outputs));
  const auto followers = make_followers(command);
  ReplayOptions& options = command.run.replay;
  if (!followers->empty()) options.follower = followers.get();
  options.keep_stories = !command.run.golden.empty() || options.levels.contains(Level::segments) ||
                         std::ranges::any_of(reports, [](const auto& report) { return report->needs_stories(); });
  Progress progress;
  options.octets_read = &progress.octets;
  ProgressBar bar(std::cerr, command.files, progress);
  const Totals totals = run(command.files, command.run, reports, progress, [&] { bar.draw(); });
  bar.clear();
  return totals;
}

int replay_mutations(const ReplayCommand& command) {
  Progress progress;
  ProgressBar bar(std::cerr, *command.mutations, progress);
  const auto draw = [&] { bar.draw(); };
  const MutationTotals totals = play_mutations(command.files, command.run, *command.mutations, progress, draw);
  bar.clear();
  for (const std::string& fault : totals.faults) std::cout << fault << '\n';
  summarize(std::cerr, totals);
  return totals.faults.empty() ? 0 : exit_failure;
}

int replay_captures(const ReplayArguments& arguments) {
  ReplayCommand command = read_arguments(arguments);
  if (command.mutations) return replay_mutations(command);
  const auto began = std::chrono::steady_clock::now();
  try {
    const Totals totals = run_command(command);
    summarize(std::cerr, totals, command.run, std::chrono::steady_clock::now() - began);
    return exit_code_of(totals);
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
}

}  // namespace

void add_replay(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* replay = app.add_subcommand("replay", description);
  add_play_options(*replay, *arguments);
  add_compare_options(*replay, *arguments);
  add_output_options(*replay, *arguments);
  add_corpus_options(*replay, *arguments);
  replay->footer(help);
  replay->callback([arguments, &exit_code] { exit_code = replay_captures(*arguments); });
}

}  // namespace backstop::tools
