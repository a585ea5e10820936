#include "tools/replay/arguments.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "tools/command.hpp"

namespace backstop::replay {
namespace {

using tools::UsageError;

template <class Value>
struct Named {
  std::string_view name;
  Value value;
};

template <class Value, std::size_t Size>
Value find_named(const std::array<Named<Value>, Size>& table, const std::string& option, std::string_view name) {
  const auto* found = std::ranges::find(table, name, &Named<Value>::name);
  if (found != table.end()) return found->value;
  std::string known;
  for (const auto& entry : table) known += (known.empty() ? "" : ", ") + std::string(entry.name);
  throw UsageError(option + " knows no '" + std::string(name) + "'; it knows " + known);
}

constexpr std::array<Named<ChecksumPolicy>, 3> checksum_policies{{
    {"verify", ChecksumPolicy::verify},
    {"ignore", ChecksumPolicy::ignore},
    {"auto", ChecksumPolicy::automatic},
}};

constexpr std::array<Named<ApplicationKind>, 4> applications{{
    {"capture", ApplicationKind::captured},
    {"echo", ApplicationKind::echo},
    {"discard", ApplicationKind::discard},
    {"chargen", ApplicationKind::chargen},
}};

constexpr std::array<Named<Level>, 4> levels{{
    {"outcome", Level::outcome},
    {"acks", Level::acks},
    {"segments", Level::segments},
    {"bytes", Level::bytes},
}};

constexpr std::array<Named<Field>, 9> fields{{
    {"window", Field::window},
    {"ipid", Field::ip_id},
    {"ttl", Field::ttl},
    {"tos", Field::tos},
    {"timestamps", Field::timestamps},
    {"options", Field::options},
    {"push", Field::push},
    {"text", Field::text},
    {"time", Field::time},
}};

constexpr std::array<Named<int>, 4> report_formats{{{"tap", 0}, {"junit", 0}, {"json", 0}, {"html", 0}}};

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional{number} : std::nullopt;
}

// "3/8" as two numbers.
template <class Number>
std::optional<std::pair<Number, Number>> parse_pair(std::string_view text, char between) {
  const std::size_t at = text.find(between);
  if (at == text.npos) return std::nullopt;
  const auto first = parse_number<Number>(text.substr(0, at));
  const auto second = parse_number<Number>(text.substr(at + 1));
  return first && second ? std::optional{std::pair{*first, *second}} : std::nullopt;
}

double read_positive(const std::string& option, const std::string& text, const char* example) {
  const auto number = parse_number<double>(text);
  if (!number || !std::isfinite(*number) || *number <= 0) {
    throw UsageError(option + " '" + text + "' is no positive number like " + example);
  }
  return *number;
}

void read_local(const std::string& text, ReplayOptions& options) {
  if (text.empty() || text == "server") return;
  if (text == "client") {
    options.role = Role::client;
    return;
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto address = parse_address(std::string_view(text).substr(0, colon));
  const auto port = colon == text.size() ? std::optional<std::uint16_t>(0)
                                         : parse_number<std::uint16_t>(std::string_view(text).substr(colon + 1));
  if (!address || !port) {
    throw UsageError("--local '" + text + "' is neither an address like 10.0.0.1, nor one with a port like " +
                     "10.0.0.1:80, nor client or server");
  }
  options.local = LocalEnd{*address, *port};
}

Duration read_max_hold(const std::string& text) {
  constexpr double longest = 1e9;
  const double seconds = std::min(read_positive("--max-hold", text, "2.5 (seconds)"), longest);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

void read_levels(const ReplayArguments& arguments, ReplayOptions& options) {
  if (!arguments.golden.empty()) options.levels = {Level::bytes};
  if (!arguments.levels.empty()) options.levels.clear();
  for (const std::string& name : arguments.levels) options.levels.insert(find_named(levels, "--compare", name));
  for (const std::string& name : arguments.ignored) options.ignored.insert(find_named(fields, "--ignore", name));
  if (options.levels.contains(Level::bytes) && arguments.golden.empty()) {
    throw UsageError(
        "--compare bytes compares with goldens: add --golden DIR; segments is the finest level for other hosts");
  }
}

ReplayOptions read_replay_options(const ReplayArguments& arguments) {
  ReplayOptions options;
  read_local(arguments.local, options);
  if (!arguments.checksum.empty()) {
    options.checksum = find_named(checksum_policies, "--checksum", arguments.checksum);
  }
  if (!arguments.application.empty()) options.application = find_named(applications, "--app", arguments.application);
  if (!arguments.max_hold.empty()) options.max_hold = read_max_hold(arguments.max_hold);
  read_levels(arguments, options);
  for (const std::string& text : arguments.only) {
    const auto number = parse_number<std::uint32_t>(text);
    if (!number || *number == 0) throw UsageError("--only '" + text + "' is no flow's number; --list shows them");
    options.only.insert(*number);
  }
  options.list_only = arguments.list;
  return options;
}

// Packets can only be followed while one capture is played at a time.
bool is_followed(const ReplayArguments& arguments) {
  return !arguments.realtime.empty() || !arguments.pcap_out.empty() || arguments.json;
}

unsigned read_jobs(const ReplayArguments& arguments) {
  if (arguments.jobs.empty()) return is_followed(arguments) ? 1 : std::max(std::thread::hardware_concurrency(), 1u);
  constexpr unsigned most_jobs = 1024;
  const auto jobs = parse_number<unsigned>(arguments.jobs);
  if (!jobs || *jobs == 0 || *jobs > most_jobs) {
    throw UsageError("--jobs '" + arguments.jobs + "' is no number of threads from 1 to " + std::to_string(most_jobs));
  }
  if (*jobs > 1 && is_followed(arguments)) {
    throw UsageError("--jobs " + arguments.jobs +
                     " plays several captures at once, whose packets --realtime, --pcap-out and --json cannot follow; "
                     "leave it out");
  }
  return *jobs;
}

Shard read_shard(const std::string& text) {
  if (text.empty()) return {};
  const auto numbers = parse_pair<std::uint32_t>(text, '/');
  if (!numbers || numbers->second == 0 || numbers->first > numbers->second) {
    throw UsageError("--shard '" + text + "' is no share like 1/4, the first of four");
  }
  return {numbers->first, numbers->second};
}

Mutations read_mutations(const std::string& text) {
  constexpr std::uint64_t usual_count = 1000;
  if (const auto seed = parse_number<std::uint64_t>(text)) return {*seed, usual_count};
  const auto numbers = parse_pair<std::uint64_t>(text, ',');
  if (!numbers || numbers->second == 0) {
    throw UsageError("--mutate '" + text + "' is neither a seed like 1, nor a seed and a count like 1,10000");
  }
  return {numbers->first, numbers->second};
}

std::vector<ReportRequest> read_reports(const std::vector<std::string>& texts) {
  std::vector<ReportRequest> requests;
  for (const std::string& text : texts) {
    const std::size_t equals = std::min(text.find('='), text.size());
    ReportRequest request{text.substr(0, equals), equals == text.size() ? "-" : text.substr(equals + 1)};
    find_named(report_formats, "--report", request.format);
    if (request.path.empty())
      throw UsageError("--report " + text + " names no file; write " + request.format + "=FILE");
    requests.push_back(std::move(request));
  }
  return requests;
}

void check_golden(const ReplayArguments& arguments) {
  if (!arguments.update_golden) return;
  if (arguments.golden.empty()) throw UsageError("--update-golden needs the folder: --golden DIR");
  if (!arguments.only.empty() || arguments.list) {
    throw UsageError("--update-golden plays all flows of a capture; leave out --only and --list");
  }
}

// Goldens are found by the names of captures.
void check_names(const std::vector<CaptureFile>& files) {
  std::map<std::string_view, std::string_view> paths;
  for (const CaptureFile& file : files) {
    const auto [other, is_new] = paths.try_emplace(file.name, file.path);
    if (is_new) continue;
    throw UsageError("--golden: " + std::string(other->second) + " and " + file.path + " would have the same golden, " +
                     file.name + ".txt; replay them apart, or give the folder above both");
  }
}

// Whoever writes to standard output must be alone there.
void check_stdout(const ReplayCommand& command) {
  std::vector<std::string> writers;
  if (command.pcap_out == "-") writers.emplace_back("--pcap-out -");
  if (command.json) writers.emplace_back("--json");
  if (command.transcript) writers.emplace_back("--transcript");
  if (command.run.replay.list_only) writers.emplace_back("--list");
  for (const ReportRequest& report : command.reports) {
    if (report.path == "-") writers.push_back("--report " + report.format);
  }
  if (writers.size() > 1) {
    throw UsageError(writers[0] + " and " + writers[1] + " both write to standard output; give one of them a file");
  }
}

void check_mutations(const ReplayArguments& arguments) {
  if (arguments.mutate.empty()) return;
  if (!arguments.golden.empty() || arguments.list || arguments.transcript || is_followed(arguments) ||
      !arguments.reports.empty()) {
    throw UsageError(
        "--mutate only looks for crashes and faults; leave out --golden, --list, --transcript, --json, --pcap-out, "
        "--realtime and --report");
  }
}

}  // namespace

ReplayCommand read_arguments(const ReplayArguments& arguments) {
  ReplayCommand command;
  command.run.replay = read_replay_options(arguments);
  command.run.filter = arguments.filter;
  command.run.golden = arguments.golden;
  command.run.update_golden = arguments.update_golden;
  command.run.jobs = read_jobs(arguments);
  command.transcript = arguments.transcript;
  command.json = arguments.json;
  command.pcap_out = arguments.pcap_out;
  command.reports = read_reports(arguments.reports);
  if (!arguments.realtime.empty()) command.speed = read_positive("--realtime", arguments.realtime, "2 (times as fast)");
  if (!arguments.mutate.empty()) command.mutations = read_mutations(arguments.mutate);
  check_golden(arguments);
  check_mutations(arguments);
  check_stdout(command);
  const Shard shard = read_shard(arguments.shard);
  try {
    command.files = take_shard(find_captures(arguments.captures), shard);
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  if (!arguments.golden.empty()) check_names(command.files);
  return command;
}

}  // namespace backstop::replay
