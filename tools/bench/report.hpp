// What was measured, as a table for people and as lines of JSON.
#pragma once

#include <string>
#include <vector>

#include "tools/bench/runner.hpp"

namespace backstop::tools::bench {

[[nodiscard]] std::string table_of(const std::vector<Result>& results);
/// One object a case: name, unit, median, min, max, rounds, and the ratio when there is a reference.
[[nodiscard]] std::string json_of(const std::vector<Result>& results);
[[nodiscard]] std::string list_of(const std::vector<Case>& cases);

}  // namespace backstop::tools::bench
