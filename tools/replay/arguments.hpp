// One run of `backstop replay`, as values: what the user wrote, and what it means once every mistake has been found.
// Read next: command.cpp, which reads the command line into ReplayArguments.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/replay/mutate.hpp"
#include "tools/replay/run.hpp"

namespace backstop::replay {

/// As written on the command line.
struct ReplayArguments {
  std::vector<std::string> captures;
  std::string local;
  std::string filter;
  std::string checksum;
  std::string max_hold;
  std::string application;
  std::vector<std::string> levels;
  std::vector<std::string> ignored;
  std::vector<std::string> only;
  bool list = false;
  bool transcript = false;
  bool json = false;
  std::string pcap_out;
  std::vector<std::string> reports;
  std::string golden;
  bool update_golden = false;
  std::string jobs;
  std::string shard;
  std::string realtime;
  std::string mutate;
};

/// "junit=results.xml"; the path "-" is standard output.
struct ReportRequest {
  std::string format;
  std::string path;
};

struct ReplayCommand {
  RunOptions run;
  std::vector<CaptureFile> files;
  bool transcript = false;
  bool json = false;
  std::string pcap_out;
  std::vector<ReportRequest> reports;
  std::optional<double> speed;  ///< of the capture's time in real time
  std::optional<Mutations> mutations;
};

/// Throws tools::UsageError: one line that names the option, the thing and the cure.
ReplayCommand read_arguments(const ReplayArguments& arguments);

}  // namespace backstop::replay
