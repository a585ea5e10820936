#include "tools/serve/rules_file.hpp"

namespace backstop::tools {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// A comment begins with a # at the front or behind a blank.
std::string_view without_comment(std::string_view line) {
  for (auto hash = line.find('#'); hash != std::string_view::npos; hash = line.find('#', hash + 1)) {
    if (hash == 0 || blanks.find(line[hash - 1]) != std::string_view::npos) return line.substr(0, hash);
  }
  return line;
}

/// The first word of a line, taken off it.
std::string_view take_word(std::string_view& line) {
  const auto word = line.substr(0, line.find_first_of(blanks));
  line = trimmed(line.substr(word.size()));
  return word;
}

Parsed<void> add_rule(Rules& rules, const std::string& place, std::string_view line) {
  const auto word = take_word(line);
  if (word == "listen") return add_listener(rules, place + ": listen", line);
  if (word == "fallback") return add_fallback(rules, place + ": fallback", line);
  return std::unexpected(place + ": '" + std::string(word) +
                         "' begins no rule; a line is `listen PORT=HANDLER`, `fallback PORTS=ACTION` or a # comment");
}

}  // namespace

Parsed<void> add_rules(Rules& rules, const RulesFile& file) {
  std::string_view rest = file.text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    const auto line = trimmed(without_comment(rest.substr(0, end)));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.empty()) continue;
    if (auto added = add_rule(rules, file.name + ":" + std::to_string(number), line); !added) return added;
  }
  return {};
}

}  // namespace backstop::tools
