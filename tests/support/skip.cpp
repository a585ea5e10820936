#include "tests/support/catch.hpp"

#include <cstdlib>
#include <iostream>
#include <string_view>

namespace backstop::test {
namespace {

bool any_skip = false;

}  // namespace

bool skipping_is_failure() {
  const char* value = std::getenv("BACKSTOP_NO_SKIP");
  return value != nullptr && std::string_view(value) == "1";
}

void note_skip(std::string_view reason) {
  std::cout << "SKIPPED: " << reason << '\n' << std::flush;
  any_skip = true;
}

bool any_skipped() { return any_skip; }

}  // namespace backstop::test
