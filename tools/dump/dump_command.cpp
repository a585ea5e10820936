// `backstop dump` on the command line.
#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

#include "tools/analysis/trace_options.hpp"
#include "tools/command.hpp"
#include "tools/dump/dump.hpp"

namespace backstop::tools {
namespace {

using dump::DumpOptions;
using dump::TimeFormat;

struct DumpArguments {
  std::vector<std::string> traces;
  analysis::TraceOptions trace;
  std::string time = "relative";
  DumpOptions options;
};

TimeFormat time_format(const std::string& name) {
  if (name == "delta") return TimeFormat::delta;
  return name == "absolute" ? TimeFormat::absolute : TimeFormat::relative;
}

void run(const DumpArguments& arguments) {
  DumpOptions options = arguments.options;
  options.filter = arguments.trace.filter;
  options.time = time_format(arguments.time);
  options.only = arguments.trace.flows();
  for (const std::string& trace : arguments.traces) {
    if (arguments.traces.size() > 1 && !options.json) std::cout << "# " << trace << '\n';
    const auto counts = analysis::with_usage_errors([&] { return dump_capture(trace, options, std::cout); });
    std::cout.flush();
    const std::string left_out = dump::left_out(counts);
    if (!left_out.empty()) std::cerr << "backstop dump: " << trace << ": frames not shown: " << left_out << '\n';
    if (counts.cut_short) std::cerr << "backstop dump: " << trace << ": ends in the middle of a frame\n";
  }
  if (!std::cout.flush()) throw std::runtime_error("cannot write to standard output");
}

}  // namespace

void add_dump(CLI::App& app) {
  auto arguments = std::make_shared<DumpArguments>();
  CLI::App* command = app.add_subcommand("dump", "Print the packets of captures, one line each.");
  command->add_option("TRACE", arguments->traces, "pcap or pcapng files, gzipped or not; - is standard input")
      ->required();
  analysis::add_trace_options(*command, arguments->trace);
  command->add_option("--time", arguments->time, "since the first packet, since the line before, or UTC")
      ->check(CLI::IsMember({"relative", "delta", "absolute"}).description(""))
      ->type_name("relative|delta|absolute")
      ->capture_default_str();
  command->add_flag("--absolute", arguments->options.absolute_numbers, "sequence numbers as on the wire");
  command->add_flag("--marks", arguments->options.marks,
                    "say what each segment is, by Wireshark's names: Dup ACK 28#1");
  command->add_flag("--json", arguments->options.json, "one JSON object a line");
  command->footer(
      "Examples:\n"
      "  backstop dump trace.pcap\n"
      "  backstop dump --marks --filter 'tcp port 80' trace.pcapng.gz\n"
      "  tcpdump -w - -U | backstop dump -");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace backstop::tools
