// Octets as printable text and back, as C and the shell's $'...' write them: \n, \r, \t, \0, \\ and \xHH. What a rule
// writes for a banner, and how what a visitor said is shown.
#pragma once

#include <string>
#include <string_view>

#include "stack/wire/bytes.hpp"
#include "tools/serve/rules.hpp"

namespace backstop::tools {

/// Printable ASCII stays as it is, and every other octet becomes an escape: one line, whatever came.
std::string escaped(std::string_view octets);

/// The octets that `text` stands for. Besides the escapes above, a backslash before a character that is no letter and
/// no digit stands for that character: "\," and "\#".
Parsed<std::string> unescaped(std::string_view text);

}  // namespace backstop::tools
