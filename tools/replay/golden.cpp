#include "tools/replay/golden.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tools/replay/diff.hpp"
#include "tools/replay/report.hpp"

namespace backstop::replay {
namespace {

constexpr std::string_view title_start = "flow ";

Lines section_of(const FlowResult& flow) {
  Lines lines{title_of(flow)};
  const Lines packets = transcript(flow);
  lines.insert(lines.end(), packets.begin(), packets.end());
  if (flow.verdict == Verdict::not_replayable) {
    lines.push_back("= not replayable: " + flow.reason);
    return lines;
  }
  if (flow.trouble) lines.push_back("= " + *flow.trouble);
  for (const std::string& fault : flow.faults) lines.push_back("= " + fault);
  lines.push_back("= " + to_string(flow.ours));
  return lines;
}

// 0: the line is no title.
std::uint32_t number_in_title(std::string_view line) {
  std::uint32_t number = 0;
  if (line.starts_with(title_start)) {
    std::from_chars(line.data() + title_start.size(), line.data() + line.size(), number);
  }
  return number;
}

std::runtime_error failure(const std::string& path, const char* action) {
  return std::runtime_error(std::string(action) + " " + path + ": " + std::strerror(errno));
}

}  // namespace

Golden::Golden(const std::string& folder, const std::string& name)
    : path_(std::filesystem::path(folder) / (name + ".txt")) {
  std::ifstream file(path_);
  exists_ = file.is_open();
  if (!exists_ && errno != ENOENT) throw failure(path_, "cannot read");
  Lines* section = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (const std::uint32_t number = number_in_title(line)) section = &before_[number];
    if (section != nullptr && !line.empty()) section->push_back(line);
  }
  if (file.bad()) throw failure(path_, "cannot read");
}

std::string Golden::take(const FlowResult& flow, const std::set<Field>& ignored) {
  const Lines& now = now_[flow.number] = section_of(flow);
  const auto before = before_.find(flow.number);
  if (!exists_) return "there is no golden " + path_;
  const std::string diff =
      unified_diff(before == before_.end() ? Lines{} : without(before->second, ignored), without(now, ignored));
  return diff.empty() ? "" : "--- " + path_ + "\n+++ now\n" + diff;
}

std::vector<std::string> Golden::missing_flows() const {
  std::vector<std::string> titles;
  for (const auto& [number, lines] : before_) {
    if (!now_.contains(number)) titles.push_back(lines.front());
  }
  return titles;
}

bool Golden::write() const {
  if (exists_ && before_ == now_) return false;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
  std::ofstream file(path_);
  if (!file) throw failure(path_, "cannot write");
  bool first = true;
  for (const auto& [number, lines] : now_) {
    if (!std::exchange(first, false)) file << '\n';
    for (const std::string& line : lines) file << line << '\n';
  }
  file.close();
  if (!file) throw failure(path_, "cannot write");
  return true;
}

}  // namespace backstop::replay
