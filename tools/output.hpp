// Where commands write their results: a file, or standard output with the width of its terminal.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

namespace backstop::tools {

/// Has `write` write to the file; "-" is standard output. Throws when that cannot be written.
void write_output(const std::string& path, const std::function<void(std::ostream&)>& write);

/// Columns of the terminal on standard output; 100 when it is none.
std::size_t width_of_terminal();

}  // namespace backstop::tools
