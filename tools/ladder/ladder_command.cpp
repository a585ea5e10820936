// `backstop ladder` on the command line.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "tools/analysis/trace_options.hpp"
#include "tools/command.hpp"
#include "tools/ladder/ladder.hpp"
#include "tools/output.hpp"

namespace backstop::tools {
namespace {

using analysis::Conversation;
using ladder::Ladder;

struct LadderArguments {
  std::vector<std::string> traces;
  analysis::TraceOptions trace;
  std::string format = "text";
  std::string output = "-";
  std::size_t width = 0;
  bool all = false;
};

std::vector<Conversation> read(const LadderArguments& arguments, const std::string& trace,
                               const std::set<std::uint32_t>& only) {
  auto conversations =
      analysis::with_usage_errors([&] { return analysis::read_conversations(trace, arguments.trace.filter, only); });
  if (!conversations.empty()) return conversations;
  throw UsageError(trace + ": no TCP flow " +
                   (only.empty() ? "in it" : "with that number; leave --only out to see all"));
}

// In a simultaneous open each end takes itself for the client.
Conversation with_roles_exchanged(Conversation conversation) {
  std::swap(conversation.client, conversation.server);
  std::swap(conversation.client_isn, conversation.server_isn);
  for (analysis::Record& record : conversation.records) record.from = other(record.from);
  return conversation;
}

// The same connection in the server's capture, which may number it otherwise.
std::optional<Conversation> counterpart(const Conversation& conversation, const std::vector<Conversation>& others) {
  const auto same = [&](const Conversation& other) {
    return other.client == conversation.client && other.server == conversation.server &&
           other.client_isn == conversation.client_isn;
  };
  for (const Conversation& other : others) {
    if (same(other)) return other;
    Conversation exchanged = with_roles_exchanged(other);
    if (same(exchanged)) return exchanged;
  }
  return std::nullopt;
}

std::vector<Ladder> build(const LadderArguments& arguments) {
  const auto conversations = read(arguments, arguments.traces[0], arguments.trace.flows());
  std::vector<Ladder> ladders;
  if (arguments.traces.size() == 1) {
    for (const Conversation& conversation : conversations) ladders.push_back(ladder::build(conversation));
    return ladders;
  }
  const auto at_server = read(arguments, arguments.traces[1], {});
  for (const Conversation& conversation : conversations) {
    const auto other = counterpart(conversation, at_server);
    if (other) ladders.push_back(ladder::build(conversation, *other));
  }
  if (ladders.empty()) {
    throw UsageError(arguments.traces[1] + ": no flow of " + arguments.traces[0] + " is in it as well");
  }
  return ladders;
}

void write(std::ostream& out, const LadderArguments& arguments, const std::vector<Ladder>& ladders) {
  if (arguments.format == "mermaid") return ladder::write_mermaid(out, ladders);
  if (arguments.format == "svg") return ladder::write_svg(out, ladders, page::Surroundings::file);
  const std::size_t width = arguments.width != 0 ? arguments.width : width_of_terminal();
  for (const Ladder& one : ladders) ladder::write_text(out, one, width);
}

void run(const LadderArguments& arguments) {
  if (arguments.traces.size() > 2)
    throw UsageError("more than two captures; it takes one, or the client's and the server's");
  std::vector<Ladder> ladders = build(arguments);
  if (!arguments.all) std::ranges::for_each(ladders, ladder::collapse);
  write_output(arguments.output, [&](std::ostream& out) { write(out, arguments, ladders); });
}

}  // namespace

void add_ladder(CLI::App& app) {
  auto arguments = std::make_shared<LadderArguments>();
  CLI::App* command = app.add_subcommand("ladder", "Draw who sent what when: the sequence diagram of each flow.");
  command->add_option("TRACE", arguments->traces, "a capture, or two of the same flows: the client's and the server's")
      ->required();
  analysis::add_trace_options(*command, arguments->trace);
  command->add_option("--format", arguments->format, "for the terminal, for Mermaid, or a picture")
      ->check(CLI::IsMember({"text", "mermaid", "svg"}).description(""))
      ->type_name("text|mermaid|svg")
      ->capture_default_str();
  command->add_option("-o,--output", arguments->output, "write to this file")->type_name("FILE")->default_str("-");
  command->add_option("--width", arguments->width, "columns of text; the terminal's when it is not given")
      ->type_name("COLUMNS")
      ->check(CLI::Range(60, 1000).description(""));
  command->add_flag("--all", arguments->all, "draw every packet, also of long transfers in which nothing stands out");
  command->footer(
      "Examples:\n"
      "  backstop ladder trace.pcap\n"
      "  backstop ladder client.pcap server.pcap      what was lost on the way\n"
      "  backstop ladder --only 3 --format svg -o flow3.svg trace.pcap");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace backstop::tools
