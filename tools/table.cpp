#include "tools/table.hpp"

#include <algorithm>

namespace backstop::tools {

std::string aligned(const std::vector<Row>& rows, std::string_view sides) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      const bool left = sides[std::min(i, sides.size() - 1)] == 'l';
      text += (i == 0 ? "" : "  ") + (left ? row[i] + padding : padding + row[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace backstop::tools
