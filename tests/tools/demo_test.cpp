// The demo's story where there is neither root nor TUN. The kernel's side of it is shown by `./dev demo`.
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "tests/support/catch.hpp"
#include "tools/demo/comparison.hpp"
#include "tools/demo/story.hpp"

using namespace backstop::tools;

namespace {

/// Plays on the wire in memory, checks that it went well and left a capture, and returns what it printed.
template <class Play>
std::string played(Play play) {
  const auto capture = std::filesystem::temp_directory_path() / ("backstop-demo-test-" + std::to_string(::getpid()));
  std::ostringstream out;
  {
    const auto stage = memory_stage(capture.string());
    const bool happened = play(*stage, out);
    INFO(out.str());
    CHECK(happened);
  }
  CHECK(std::filesystem::file_size(capture) > 1000);
  std::filesystem::remove(capture);
  return out.str();
}

}  // namespace

TEST_CASE("demo: all that it claims happens on the wire in memory, and a capture is left") {
  CHECK(played(play_story).find("All of it happened") != std::string::npos);
}

TEST_CASE("demo: a listener per port waits for the second SYN, the fallback handler answers the first") {
  // In virtual time, to the nanosecond: the client's SYN comes again after RFC 6298's second.
  CHECK(played(play_comparison)
            .find("\n1" + std::string(19, ' ') + "1000.000 ms     2" + std::string(14, ' ') + "0.000 ms     1\n") !=
        std::string::npos);
}
