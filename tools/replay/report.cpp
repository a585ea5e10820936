#include "tools/replay/report.hpp"

#include <algorithm>

#include "tools/replay/lines.hpp"

namespace backstop::replay {

void Verdicts::count(Verdict verdict) {
  switch (verdict) {
    case Verdict::same:
      ++same;
      return;
    case Verdict::different:
      ++different;
      return;
    case Verdict::not_replayable:
      ++not_replayable;
      return;
  }
}

Verdicts& Verdicts::operator+=(const Verdicts& other) {
  same += other.same;
  different += other.different;
  not_replayable += other.not_replayable;
  return *this;
}

void Totals::add(const CaptureReport& report) {
  ++captures;
  if (!report.unreadable.empty()) ++unreadable;
  if (report.verdicts.different > 0 || !report.missing_flows.empty()) ++different;
  if (report.golden_written) ++goldens_written;
  tcp_packets += report.result.tcp_packets;
  counts += report.result.counts;
  verdicts += report.verdicts;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::same:
      return "same";
    case Verdict::different:
      return "different";
    case Verdict::not_replayable:
      break;
  }
  return "not replayable";
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string to_string(const Verdicts& verdicts) {
  std::string text;
  const auto add = [&](std::uint64_t count, Verdict verdict) {
    if (count == 0) return;
    const bool is_all = count == verdicts.all();
    const std::string number = !is_all ? std::to_string(count) + " " : count > 1 ? "all " : "";
    text += (text.empty() ? ": " : ", ") + number + std::string(to_string(verdict));
  };
  add(verdicts.same, Verdict::same);
  add(verdicts.different, Verdict::different);
  add(verdicts.not_replayable, Verdict::not_replayable);
  return counted(verdicts.all(), "flow") + text;
}

std::string title_of(const FlowResult& flow) { return "flow " + std::to_string(flow.number) + ", " + name_of(flow); }

std::vector<std::string> explain(const FlowResult& flow) {
  Lines lines;
  const auto add = [&](std::string_view prefix, std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      lines.push_back((at == 0 ? std::string(prefix) : std::string(prefix.size(), ' ')) +
                      std::string(text.substr(at, end - at)));
      at = end + 1;
    }
  };
  if (!flow.reason.empty()) add("", flow.reason);
  for (const Difference& difference : flow.differences) {
    const bool is_diff = difference.level == Level::segments || difference.level == Level::bytes;
    add(is_diff ? "" : std::string(to_string(difference.level)) + ": ", difference.text);
  }
  add("", flow.diff);
  for (const std::string& note : flow.notes) add("note: ", note);
  return lines;
}

std::string remarks_on(const capture::CaptureCounts& counts) {
  std::string text;
  const auto add = [&](std::uint64_t count, std::string_view what) {
    if (count > 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(what);
  };
  add(counts.filtered_out, "filtered out");
  add(counts.ipv6, "IPv6");
  add(counts.not_ip, "not IP");
  add(counts.malformed, "malformed");
  add(counts.truncated, "cut by the snapshot length");
  add(counts.lost_fragments, "fragments that fit nowhere");
  add(counts.backwards, "captured earlier than the one in front");
  if (counts.cut_short) text += std::string(text.empty() ? "" : ", ") + "the file ends inside a packet";
  return text;
}

}  // namespace backstop::replay
