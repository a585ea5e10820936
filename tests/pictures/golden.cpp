#include "tests/pictures/golden.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/catch.hpp"
#include "tests/support/source_folder.hpp"

namespace backstop::test {

std::filesystem::path fixture(const std::string& name) {
  return source_folder() / "tests/pcap_fixtures" / (name + ".pcap");
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void check_golden(const std::string& name, const std::string& text) {
  const auto path = source_folder() / "tests/pictures/golden" / name;
  const char* update = std::getenv("BACKSTOP_UPDATE_GOLDEN");
  if (update != nullptr && std::string_view(update) == "1") std::ofstream(path, std::ios::binary) << text;
  CAPTURE(path);
  REQUIRE(std::filesystem::exists(path));
  CHECK(read_file(path) == text);
}

}  // namespace backstop::test
