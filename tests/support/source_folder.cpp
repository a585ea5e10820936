#include "tests/support/source_folder.hpp"

namespace backstop::test {

std::filesystem::path source_folder() { return BACKSTOP_SOURCE_DIR; }

}  // namespace backstop::test
