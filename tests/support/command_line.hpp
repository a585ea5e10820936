// Runs the commands that read captures as the command line would, and keeps what they say.
#pragma once

#include <string>
#include <vector>

namespace backstop::test {

struct CommandResult {
  int exit_code = 0;
  std::string out;
  std::string err;  ///< with the one line of an exception
};

/// The first argument is the command's name: run_command({"dump", "trace.pcap"}).
CommandResult run_command(const std::vector<std::string>& arguments);
CommandResult replay_command(std::vector<std::string> arguments);

}  // namespace backstop::test
