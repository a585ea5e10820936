// Our stack plays the part of each host of tests/pcap_fixtures, and comes to the same as the Linux host did.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/source_folder.hpp"
#include "tools/replay/report.hpp"

using namespace backstop;
using namespace backstop::replay;

namespace {

std::filesystem::path folder() { return test::source_folder() / "tests/pcap_fixtures"; }

std::vector<std::string> captures() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() == ".pcap") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Each capture was made at one of the two hosts: that one's part is ours.
ReplayOptions options_for(const std::string& name) {
  const bool at_client = name.ends_with(".client");
  ReplayOptions options;
  options.local = LocalEnd{at_client ? Ipv4Address::of(10, 77, 0, 1) : Ipv4Address::of(10, 77, 0, 2), 0};
  return options;
}

struct Exception {
  std::string verdict;
  std::string why;
};

// The table in index.md of the captures where our stack does not come to the same as the host.
std::map<std::string, Exception> exceptions() {
  constexpr std::string_view heading = "| capture | verdict | why |";
  std::ifstream index(folder() / "index.md");
  std::map<std::string, Exception> found;
  bool in_table = false;
  for (std::string line; std::getline(index, line);) {
    in_table = line == heading || (in_table && line.starts_with("|"));
    if (!in_table || line == heading || line.starts_with("|-")) continue;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(2));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(cell.substr(cell.find_first_not_of(' ')));
    REQUIRE(cells.size() == 3);
    for (std::string& cell : cells) cell.erase(cell.find_last_not_of(' ') + 1);
    found[cells[0]] = {cells[1], cells[2]};
  }
  return found;
}

// Those of index.md that are not the same segment by segment.
std::set<std::string> unlike_by_segments() {
  constexpr std::string_view heading = "| by segments | why |";
  std::ifstream index(folder() / "index.md");
  std::set<std::string> found;
  bool in_table = false;
  for (std::string line; std::getline(index, line);) {
    in_table = line == heading || (in_table && line.starts_with("|"));
    if (!in_table || line == heading || line.starts_with("|-")) continue;
    std::istringstream names(line.substr(2, line.find(" |") - 2));
    for (std::string name; std::getline(names >> std::ws, name, ',');) found.insert(name);
  }
  return found;
}

}  // namespace

TEST_CASE("outcome and acknowledgments are those of the Linux host, but for the exceptions in index.md") {
  const std::string name = GENERATE(from_range(captures()));
  CAPTURE(name);
  const auto all = exceptions();
  const auto found = all.find(name);
  const Exception expected = found == all.end() ? Exception{"same", ""} : found->second;
  std::set<std::string> verdicts;
  std::size_t flows = 0;
  replay_capture(folder() / (name + ".pcap"), "", options_for(name), [&](const FlowResult& flow) {
    ++flows;
    if (flow.verdict != Verdict::same) verdicts.insert(std::string(to_string(flow.verdict)));
    if (flow.verdict == Verdict::not_replayable) CHECK(flow.reason == expected.why);
    if (flow.verdict != Verdict::different || expected.verdict == "different") return;
    for (const Difference& difference : flow.differences) {
      UNSCOPED_INFO(flow.number << " " << to_string(difference.level) << ": " << difference.text);
    }
  });
  CHECK(flows > 0);
  CHECK(verdicts == (expected.verdict == "same" ? std::set<std::string>{} : std::set{expected.verdict}));
}

TEST_CASE("segments are those of the Linux host, but for the captures that index.md tells of") {
  const std::set<std::string> unlike = unlike_by_segments();
  CHECK(std::ranges::includes(captures(), unlike));
  const std::string name = GENERATE(from_range(captures()));
  CAPTURE(name);
  ReplayOptions options = options_for(name);
  options.levels = {Level::segments};
  options.ignored = {Field::push};
  options.keep_stories = true;
  bool same = true;
  replay_capture(folder() / (name + ".pcap"), "", options,
                 [&](const FlowResult& flow) { same = same && flow.verdict == Verdict::same; });
  CHECK(same == !unlike.contains(name));
}

TEST_CASE("every situation was captured at both ends") {
  const std::vector<std::string> names = captures();
  CHECK(names.size() == 68);
  for (const std::string& name : names) {
    const std::string situation = name.substr(0, name.rfind('.'));
    CHECK(std::filesystem::exists(folder() / (situation + ".client.pcap")));
    CHECK(std::filesystem::exists(folder() / (situation + ".server.pcap")));
  }
}
