// Our stack plays the part of each host of tests/pcap_fixtures, and comes to the same as the Linux host did.
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/source_folder.hpp"
#include "tools/replay/replay.hpp"

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

// Captures with a flow that does not come to the same, and why.
const std::map<std::string, std::string> known_differences{
    {"rto-backoff.client", "the host's user timeout of 7 s had passed when the FIN came, and no packet tells of it"},
};

// Captures with a flow that cannot be replayed, and why.
const std::map<std::string, std::string> not_replayable{
    {"tfo.client", "the host sent text with its SYN (TCP Fast Open)"},
};

}  // namespace

TEST_CASE("outcome and acknowledgments are those of the Linux host") {
  const std::string name = GENERATE(from_range(captures()));
  CAPTURE(name);
  std::set<std::string> refusals;
  std::size_t different = 0;
  std::size_t flows = 0;
  replay_capture(folder() / (name + ".pcap"), "", options_for(name), [&](const FlowResult& flow) {
    ++flows;
    if (flow.verdict == Verdict::not_replayable) refusals.insert(flow.reason);
    if (flow.verdict != Verdict::different) return;
    ++different;
    if (known_differences.contains(name)) return;
    for (const Difference& difference : flow.differences) {
      UNSCOPED_INFO(flow.number << " " << to_string(difference.level) << ": " << difference.text);
    }
  });
  CHECK(flows > 0);
  CHECK(different == (known_differences.contains(name) ? 1 : 0));
  const auto refusal = not_replayable.find(name);
  CHECK(refusals == (refusal == not_replayable.end() ? std::set<std::string>{} : std::set{refusal->second}));
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
