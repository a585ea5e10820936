// The demo's story where there is neither root nor TUN. The kernel's side of it is shown by `./dev demo`.
#include <filesystem>
#include <sstream>

#include "tests/support/catch.hpp"
#include "tools/demo/story.hpp"

using namespace backstop::tools;

TEST_CASE("demo: all that it claims happens on the wire in memory, and a capture is left") {
  const auto capture = std::filesystem::temp_directory_path() / "backstop-demo-test.pcap";
  std::ostringstream out;
  {
    const auto stage = memory_stage(capture.string());
    const bool happened = play_story(*stage, out);
    INFO(out.str());
    CHECK(happened);
  }
  CHECK(std::filesystem::file_size(capture) > 1000);
  std::filesystem::remove(capture);
}
