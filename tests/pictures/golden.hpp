// Texts that must stay as they are, in tests/pictures/golden. Written anew when BACKSTOP_UPDATE_GOLDEN=1 is in the
// environment: the change is then to be looked at with git diff.
#pragma once

#include <filesystem>
#include <string>

namespace backstop::test {

/// The path of a capture of tests/pcap_fixtures: fixture("tail-loss.client").
std::filesystem::path fixture(const std::string& name);

/// Checks that the golden text called `name` is `text`.
void check_golden(const std::string& name, const std::string& text);

std::string read_file(const std::filesystem::path& path);

}  // namespace backstop::test
