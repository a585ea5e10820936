// The differences of two texts as `diff -u` writes them (Myers, "An O(ND) Difference Algorithm", 1986).
#pragma once

#include <string>
#include <vector>

namespace backstop::replay {

/// A unified diff with three lines of context, without the header that names the files; empty when they are the same.
std::string unified_diff(const std::vector<std::string>& before, const std::vector<std::string>& after);

}  // namespace backstop::replay
