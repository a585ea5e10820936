// Where the project's sources lie, for tests that read files of theirs.
#pragma once

#include <filesystem>

namespace backstop::test {

/// The folder of the top CMakeLists.txt.
std::filesystem::path source_folder();

}  // namespace backstop::test
