// Tables for a person: columns aligned, two blanks between them, and nothing but ASCII.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace backstop::tools {

using Row = std::vector<std::string>;

/// The rows as lines, each column as wide as it needs. `sides` says where the columns begin or end, 'l' or 'r' for
/// each; those that it does not name are as the last one.
std::string aligned(const std::vector<Row>& rows, std::string_view sides = "lr");

}  // namespace backstop::tools
