// Runs `backstop replay` as the command line would, and keeps what it says.
#pragma once

#include <string>
#include <vector>

namespace backstop::test {

struct CommandResult {
  int exit_code = 0;
  std::string out;
  std::string err;  ///< with the one line of an exception
};

CommandResult replay_command(const std::vector<std::string>& arguments);

}  // namespace backstop::test
