// `backstop ladder`: what is drawn, in text, in Mermaid's language and as SVG.
#include <cstdlib>
#include <sstream>

#include "tests/pictures/golden.hpp"
#include "tests/support/capture_file.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_folder.hpp"
#include "tools/ladder/ladder.hpp"

using namespace backstop;
using namespace backstop::ladder;
using backstop::test::check_golden;
using backstop::test::fixture;

namespace {

Ladder ladder_of(const std::string& name) { return build(analysis::read_conversations(fixture(name), "", {}).at(0)); }

Ladder ladder_of_pair(const std::string& situation) {
  return build(analysis::read_conversations(fixture(situation + ".client"), "", {}).at(0),
               analysis::read_conversations(fixture(situation + ".server"), "", {}).at(0));
}

Ladder collapsed(Ladder ladder) {
  collapse(ladder);
  return ladder;
}

std::string text_of(const Ladder& ladder, std::size_t width = 110) {
  std::ostringstream out;
  write_text(out, ladder, width);
  return out.str();
}

std::string svg_of(const std::vector<Ladder>& ladders) {
  std::ostringstream out;
  write_svg(out, ladders, page::Surroundings::file);
  return out.str();
}

std::ptrdiff_t count(const Ladder& ladder, Passage passage) {
  return std::ranges::count(ladder.steps, passage, &Step::passage);
}

}  // namespace

TEST_CASE("ladders as text") {
  check_golden("ladder-tail-loss.client.txt", text_of(collapsed(ladder_of("tail-loss.client"))));
  check_golden("ladder-tail-loss.txt", text_of(collapsed(ladder_of_pair("tail-loss")), 130));
  check_golden("ladder-upload-loss5.txt", text_of(collapsed(ladder_of_pair("upload-loss5")), 150));
  check_golden("ladder-pmtu-600.txt", text_of(collapsed(ladder_of_pair("pmtu-600")), 120));
  check_golden("ladder-upload-dup.txt", text_of(collapsed(ladder_of_pair("upload-dup")), 120));
}

TEST_CASE("a ladder's text keeps to its width") {
  const std::size_t width = GENERATE(60u, 80u, 100u, 200u);
  const Ladder ladder = collapsed(width % 80 == 0 ? ladder_of_pair("upload-loss5") : ladder_of("upload-loss5.client"));
  std::istringstream lines(text_of(ladder, width));
  std::string line;
  std::getline(lines, line);
  for (std::getline(lines, line); std::getline(lines, line);) CHECK(line.size() <= std::max<std::size_t>(width, 64));
}

TEST_CASE("ladders in Mermaid's language") {
  const auto mermaid_of = [](const std::vector<Ladder>& ladders) {
    std::ostringstream out;
    write_mermaid(out, ladders);
    return out.str();
  };
  check_golden("ladder-tail-loss.mmd", mermaid_of({collapsed(ladder_of_pair("tail-loss"))}));
  check_golden("ladder-rst-linger0.mmd", mermaid_of({ladder_of("rst-linger0.client"), ladder_of("refused.client")}));
}

TEST_CASE("two captures of a flow show what was lost on the way") {
  // What the relay was told to lose, or what is missing from the counts in tests/pcap_fixtures/index.md.
  CHECK(count(ladder_of_pair("tail-loss"), Passage::lost) == 1);
  CHECK(count(ladder_of_pair("burst-loss"), Passage::lost) == 3);
  CHECK(count(ladder_of_pair("syn-lost-twice"), Passage::lost) == 2);
  CHECK(count(ladder_of_pair("fin-lost"), Passage::lost) == 1);
  CHECK(count(ladder_of_pair("rto-backoff"), Passage::lost) == 6);
  CHECK(count(ladder_of_pair("upload-clean"), Passage::lost) == 0);
  CHECK(count(ladder_of_pair("upload-dup"), Passage::twice) > 10);
  CHECK(count(ladder_of_pair("upload-dup"), Passage::lost) == 0);
  CHECK(count(ladder_of_pair("pmtu-600"), Passage::from_afar) == 10);
}

TEST_CASE("in two captures nothing arrives before it was sent") {
  for (const char* situation :
       {"upload-loss5", "upload-reorder", "spurious-rto", "simultaneous-open", "ip-fragments"}) {
    for (const Step& step : ladder_of_pair(situation).steps) CHECK(step.sent <= step.arrived);
  }
}

TEST_CASE("clocks that disagree are put right") {
  auto at_client = analysis::read_conversations(fixture("tail-loss.client"), "", {}).at(0);
  auto at_server = analysis::read_conversations(fixture("tail-loss.server"), "", {}).at(0);
  for (analysis::Record& record : at_server.records) record.time += std::chrono::seconds(3600);
  const Ladder ladder = build(at_client, at_server);
  CHECK(ladder.notes.size() == 2);
  CHECK(ladder.notes[1].find("moved by -3600 s") != std::string::npos);
  for (const Step& step : ladder.steps) CHECK(step.sent <= step.arrived);
  CHECK(ladder.distance < std::chrono::milliseconds(10));
}

TEST_CASE("long runs collapse, and what stands out does not") {
  const Ladder all = ladder_of("upload-loss5.client");
  const Ladder shown = collapsed(all);
  CHECK(shown.steps.size() < all.steps.size());
  std::uint64_t packets = 0;
  for (const Step& step : shown.steps) {
    packets += step.hidden ? step.hidden->segments[0] + step.hidden->segments[1] : 1;
    if (step.hidden) CHECK(step.hidden->marked == 0);
  }
  CHECK(packets == all.steps.size());
  const auto marked = [](const Ladder& ladder) {
    return std::ranges::count_if(ladder.steps, [](const Step& step) { return !step.marks.empty(); });
  };
  CHECK(marked(shown) == marked(all));
}

TEST_CASE("a ladder of any length has a bounded number of steps") {
  Ladder ladder = ladder_of("tail-loss.client");
  const Step step = ladder.steps[16];
  REQUIRE(step.marks == "Retransmission");
  ladder.steps.assign(10'000, step);
  collapse(ladder);
  CHECK(ladder.steps.size() < 500);
  CHECK(to_string(*std::ranges::find_if(ladder.steps, [](const Step& s) { return s.hidden.has_value(); })->hidden) ==
        "9,601 segments, 2,995,512 octets from the client; 9,601 of them marked");
}

TEST_CASE("pictures of all captures are well-formed, inside of their frame, and no labels overlap") {
  if (std::system("python3 -c '' 2>/dev/null") != 0) BACKSTOP_SKIP("python3, whose XML parser reads the pictures");
  std::vector<std::unique_ptr<test::TemporaryFile>> files;
  std::string command = "python3 '" + (test::source_folder() / "tests/pictures/check_svg.py").string() + "'";
  const auto add = [&](const std::vector<Ladder>& ladders) {
    const std::string svg = svg_of(ladders);
    files.push_back(std::make_unique<test::TemporaryFile>(std::as_bytes(std::span(svg)), ".svg"));
    command += " " + files.back()->path();
  };
  for (const auto& entry : std::filesystem::directory_iterator(fixture("x").parent_path())) {
    if (entry.path().extension() != ".pcap") continue;
    std::vector<Ladder> ladders;
    for (const auto& conversation : analysis::read_conversations(entry.path(), "", {})) {
      ladders.push_back(collapsed(build(conversation)));
    }
    add(ladders);
  }
  for (const char* situation :
       {"upload-loss5", "upload-reorder", "upload-dup", "pmtu-600", "spurious-rto", "burst-loss"}) {
    add({collapsed(ladder_of_pair(situation))});
  }
  CHECK(std::system(command.c_str()) == 0);
}
