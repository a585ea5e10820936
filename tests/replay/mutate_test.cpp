// Damaged captures: whatever is in them, no crash, no fault; the sanitizers watch.
#include "tools/replay/mutate.hpp"
#include "tests/replay/conversation.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/command_line.hpp"
#include "tests/support/source_folder.hpp"
#include "tools/command.hpp"
#include "tools/replay/mutant.hpp"

using namespace backstop;
using namespace backstop::test;

TEST_CASE("mutate: a number makes the same damage each time, another one other damage") {
  const TemporaryFile file(file_of(whole_conversation()));
  const auto mutant = [&](std::uint64_t number) {
    return replay::make_mutant(replay::read_image(file.path(), 100), number);
  };
  CHECK(mutant(7) == mutant(7));
  CHECK(mutant(7) != mutant(8));
  CHECK(replay::read_image(file.path(), 3).frames.size() == 3);
}

TEST_CASE("mutate: our stack withstands damaged fixtures") {
  const std::string fixtures = source_folder() / "tests/pcap_fixtures";
  const CommandResult result = replay_command({"--mutate", "1,340", fixtures});
  CAPTURE(result.out);
  CHECK(result.exit_code == 0);
  CHECK(result.err.starts_with("340 mutations ("));
  CHECK(result.err.find("; 0 faults; ") != std::string::npos);
}

TEST_CASE("mutate: a run needs a capture that can be read, and nothing else to do") {
  const TemporaryFile file(file_of(whole_conversation()));
  CHECK(replay_command({"--mutate", "x", file.path()}).err.find("neither a seed like 1") != std::string::npos);
  CHECK(replay_command({"--mutate", "1", "--json", file.path()}).err.find("leave out") != std::string::npos);
  const TemporaryFile empty(Octets{});
  CHECK(replay_command({"--mutate", "1", empty.path()}).exit_code == tools::exit_unreadable);
}
