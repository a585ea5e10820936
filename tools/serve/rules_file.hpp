// A file of rules, with the same words as on the command line:
//
//   # what this host offers
//   listen 80=http
//   fallback 8000-8999=echo,max=100   # and no more
//   fallback *=reject
//
// Pure: the text comes in, the rules go out.
// Read next: options.hpp.
#pragma once

#include <string>
#include <string_view>

#include "tools/serve/rules.hpp"

namespace backstop::tools {

/// A file's name and what it holds.
struct RulesFile {
  std::string name;
  std::string text;
};

/// Adds the file's rules behind those that are there. An error begins with "NAME:LINE: ".
Parsed<void> add_rules(Rules& rules, const RulesFile& file);

}  // namespace backstop::tools
