// `backstop dump`, `ladder` and `plot` as their users have them: what they say, and their exit codes.
#include <filesystem>

#include "tests/pictures/golden.hpp"
#include "tests/support/capture_file.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/command_line.hpp"
#include "tools/analysis/conversation.hpp"
#include "tools/replay/replay.hpp"

using namespace backstop;
using namespace backstop::test;

namespace {

bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("bad input gets one line that names it, and its exit code") {
  const std::string good = fixture("tail-loss.client");
  const TemporaryFile bad(std::as_bytes(std::span("no capture")));
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    std::string says;
  };
  const std::vector<Case> cases{
      {{"dump", "/no/such/file"}, 3, "/no/such/file: No such file or directory"},
      {{"dump", bad.path()}, 3, "not a capture"},
      {{"ladder", bad.path()}, 3, "not a capture"},
      {{"plot", bad.path()}, 3, "not a capture"},
      {{"dump"}, 2, "TRACE is required"},
      {{"dump", "--filter", "tcp prot 80", good}, 2, "--filter: filter 'tcp prot 80'"},
      {{"dump", "--time", "noon", good}, 2, "--time: noon not in {"},
      {{"ladder", "--format", "png", good}, 2, "--format: png not in {"},
      {{"ladder", "--only", "2", good}, 2, "no TCP flow with that number"},
      {{"ladder", good, good, good}, 2, "more than two captures"},
      {{"ladder", good, fixture("refused.client")}, 2, "no flow of " + good + " is in it as well"},
      {{"plot", "--only", "0", good}, 2, "--only"},
      {{"plot", "--kind", "pie", good}, 2, "--kind: pie not in {"},
      {{"plot", "--filter", "udp", good}, 2, "no TCP flow in it"},
  };
  for (const Case& one : cases) {
    const CommandResult result = run_command(one.arguments);
    CAPTURE(one.arguments, result.err, one.says);
    CHECK(result.exit_code == one.exit_code);
    CHECK(contains(result.err, one.says));
    CHECK(std::ranges::count(result.err, '\n') == 0);
  }
}

TEST_CASE("ladder and plot write to a file, or to standard output") {
  const std::string trace = fixture("parallel-8.client");
  const TemporaryFile file({}, ".svg");
  CHECK(run_command({"ladder", "--format", "svg", "-o", file.path(), trace}).out.empty());
  CHECK(contains(read_file(file.path()), "</svg>"));
  const CommandResult plot = run_command({"plot", trace});
  CHECK(contains(plot.out, "</svg>"));
  CHECK(contains(plot.err, "the largest of 8; --only chooses another"));
  CHECK(contains(run_command({"ladder", "--only", "3", "--width", "80", trace}).out, "flow 3: "));
}

TEST_CASE("two captures of a simultaneous open are one flow, though each end takes itself for the client") {
  const CommandResult result =
      run_command({"ladder", fixture("simultaneous-open.client"), fixture("simultaneous-open.server")});
  CHECK(result.exit_code == 0);
  CHECK(contains(result.out, "captured at both hosts: 0 packets lost"));
}

TEST_CASE("flows have the numbers that replay gives them") {
  for (const auto& entry : std::filesystem::directory_iterator(fixture("x").parent_path())) {
    if (entry.path().extension() != ".pcap") continue;
    // Replay lists a simultaneous open once for each SYN.
    if (entry.path().stem().string().starts_with("simultaneous-open")) continue;
    CAPTURE(entry.path());
    replay::ReplayOptions options;
    options.list_only = true;
    std::map<std::uint32_t, FourTuple> replayed;
    replay::replay_capture(entry.path(), "", options,
                           [&](const replay::FlowResult& flow) { replayed[flow.number] = flow.tuple; });
    const auto conversations = analysis::read_conversations(entry.path(), "", {});
    CHECK(conversations.size() == replayed.size());
    for (const auto& conversation : conversations) {
      CHECK(replayed[conversation.number] == FourTuple{conversation.server, conversation.client});
    }
  }
}
