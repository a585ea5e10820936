// `backstop plot` on the command line.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <memory>

#include "tools/analysis/trace_options.hpp"
#include "tools/command.hpp"
#include "tools/output.hpp"
#include "tools/plot/series.hpp"

namespace backstop::tools {
namespace {

using analysis::Conversation;
using analysis::Side;

struct PlotArguments {
  std::string trace;
  analysis::TraceOptions options;
  std::string kind = "time-sequence";
  std::string direction = "busier";
  std::string format = "svg";
  std::string output = "-";
};

plot::Kind kind_of(const std::string& name) {
  if (name == "window") return plot::Kind::window;
  if (name == "rtt") return plot::Kind::rtt;
  if (name == "cwnd") return plot::Kind::cwnd;
  return name == "throughput" ? plot::Kind::throughput : plot::Kind::time_sequence;
}

Side side_of(const std::string& direction, const Conversation& conversation) {
  if (direction == "client") return Side::client;
  return direction == "server" ? Side::server : plot::busier_side(conversation);
}

std::uint64_t text_of(const Conversation& conversation) {
  std::uint64_t octets = 0;
  for (const analysis::Record& record : conversation.records) octets += record.text_size;
  return octets;
}

// The flow to draw: the one that was asked for, or that with the most text.
const Conversation& choose(const PlotArguments& arguments, const std::vector<Conversation>& conversations) {
  if (conversations.empty()) {
    throw UsageError(arguments.trace + ": no TCP flow " +
                     (arguments.options.only.empty() ? "in it" : "with that number; leave --only out for the largest"));
  }
  const auto largest = std::ranges::max_element(conversations, {}, text_of);
  if (conversations.size() > 1) {
    std::cerr << "backstop plot: flow " << largest->number << ", the largest of " << conversations.size()
              << "; --only chooses another\n";
  }
  return *largest;
}

void run(const PlotArguments& arguments) {
  const auto conversations = analysis::with_usage_errors([&] {
    return analysis::read_conversations(arguments.trace, arguments.options.filter, arguments.options.flows());
  });
  const Conversation& conversation = choose(arguments, conversations);
  const plot::Chart chart =
      make_chart(kind_of(arguments.kind), conversation, side_of(arguments.direction, conversation));
  write_output(arguments.output, [&](std::ostream& out) {
    arguments.format == "xplot" ? write_xplot(out, chart) : write_svg(out, chart, page::Surroundings::file);
  });
}

}  // namespace

void add_plot(CLI::App& app) {
  auto arguments = std::make_shared<PlotArguments>();
  CLI::App* command = app.add_subcommand("plot", "Draw a flow over time: sequence numbers, windows, round trips.");
  command->add_option("TRACE", arguments->trace, "a pcap or pcapng file, gzipped or not; - is standard input")
      ->required();
  analysis::add_trace_options(*command, arguments->options);
  const auto add_choice = [&](const char* name, std::string& value, const char* help,
                              std::vector<std::string> choices) {
    std::string all;
    for (const std::string& choice : choices) all += (all.empty() ? "" : "|") + choice;
    command->add_option(name, value, help)
        ->check(CLI::IsMember(std::move(choices)).description(""))
        ->type_name(all)
        ->capture_default_str();
  };
  add_choice("--kind", arguments->kind, "what to draw", {"time-sequence", "window", "rtt", "cwnd", "throughput"});
  add_choice("--direction", arguments->direction,
             "whose text: the client's, the server's, or that of which there is more", {"client", "server", "busier"});
  add_choice("--format", arguments->format, "a picture, or data for xplot", {"svg", "xplot"});
  command->add_option("-o,--output", arguments->output, "write to this file")->type_name("FILE")->default_str("-");
  command->footer(
      "Examples:\n"
      "  backstop plot trace.pcap > trace.svg\n"
      "  backstop plot --kind rtt --only 3 -o rtt.svg trace.pcap\n"
      "  backstop plot --format xplot trace.pcap -o trace.xpl && xplot trace.xpl");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace backstop::tools
