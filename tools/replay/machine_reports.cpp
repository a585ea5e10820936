// The reports for machines: TAP, JUnit, JSON.
#include <utility>

#include "tools/json.hpp"
#include "tools/notation/transcript.hpp"
#include "tools/replay/lines.hpp"
#include "tools/replay/report.hpp"

namespace backstop::replay {
namespace {

using tools::JsonObject;

std::string test_name(const CaptureFile& file, const FlowResult& flow) { return file.name + ": " + title_of(flow); }

class Tap final : public Report {
 public:
  explicit Tap(std::ostream& out) : out_(out) { out_ << "TAP version 13\n"; }

  void flow(const CaptureFile& file, const FlowResult& flow) override {
    line(flow.verdict != Verdict::different, test_name(file, flow));
    if (flow.verdict == Verdict::not_replayable) out_ << " # SKIP " << escaped(flow.reason);
    out_ << '\n';
    if (flow.verdict == Verdict::different) diagnose(explain(flow));
  }

  void capture(const CaptureReport& report) override {
    if (!report.unreadable.empty()) {
      line(false, report.file.name + ": readable");
      out_ << '\n';
      diagnose({report.unreadable});
    }
    for (const std::string& name : report.missing_flows) {
      line(false, report.file.name + ": " + name);
      out_ << '\n';
      diagnose({"the golden has this flow, the capture does not"});
    }
  }

  void end(const Totals& /*totals*/) override { out_ << "1.." << count_ << '\n'; }

 private:
  void line(bool ok, const std::string& name) {
    out_ << (ok ? "ok " : "not ok ") << ++count_ << " - " << escaped(name);
  }

  void diagnose(const std::vector<std::string>& lines) {
    out_ << "  ---\n  message: |\n";
    for (const std::string& text : lines) out_ << "    " << text << '\n';
    out_ << "  ...\n";
  }

  // A '#' begins a directive.
  static std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text) {
      if (c == '#' || c == '\\') result += '\\';
      result += c;
    }
    return result;
  }

  std::ostream& out_;
  std::uint64_t count_ = 0;
};

// XML 1.0 has no way to write most control characters.
std::string xml(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '"')
      result += "&quot;";
    else if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
      result += '?';
    else
      result += c;
  }
  return result;
}

class Junit final : public Report {
 public:
  explicit Junit(std::ostream& out) : out_(out) {
    out_ << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"backstop replay\">\n";
  }

  void flow(const CaptureFile& file, const FlowResult& flow) override {
    begin_case(file, title_of(flow));
    if (flow.verdict == Verdict::different) add_failure(explain(flow));
    if (flow.verdict == Verdict::not_replayable) cases_ += "<skipped message=\"" + xml(flow.reason) + "\"/>";
    cases_ += "</testcase>\n";
  }

  void capture(const CaptureReport& report) override {
    const bool unreadable = !report.unreadable.empty();
    if (unreadable) {
      begin_case(report.file, "readable");
      cases_ += "<error message=\"" + xml(report.unreadable) + "\"/></testcase>\n";
    }
    for (const std::string& name : report.missing_flows) {
      begin_case(report.file, name);
      add_failure({"the golden has this flow, the capture does not"});
      cases_ += "</testcase>\n";
    }
    const auto attribute = [&](const char* name, std::uint64_t value) { out_ << ' ' << name << "=\"" << value << '"'; };
    out_ << "  <testsuite name=\"" << xml(report.file.name) << '"';
    attribute("tests", report.verdicts.all() + report.missing_flows.size() + (unreadable ? 1 : 0));
    attribute("failures", report.verdicts.different + report.missing_flows.size());
    attribute("errors", unreadable ? 1 : 0);
    attribute("skipped", report.verdicts.not_replayable);
    out_ << ">\n" << std::exchange(cases_, {}) << "  </testsuite>\n";
  }

  void end(const Totals& /*totals*/) override { out_ << "</testsuites>\n"; }

 private:
  void begin_case(const CaptureFile& file, const std::string& name) {
    cases_ += "    <testcase classname=\"" + xml(file.name) + "\" name=\"" + xml(name) + "\">";
  }

  void add_failure(const std::vector<std::string>& lines) {
    cases_ += "<failure message=\"" + xml(lines.empty() ? "" : lines.front()) + "\">";
    for (const std::string& line : lines) cases_ += xml(line) + "\n";
    cases_ += "</failure>";
  }

  std::ostream& out_;
  std::string cases_;  // their number stands in front of them
};

class JsonLines final : public Report {
 public:
  explicit JsonLines(std::ostream& out) : out_(out) {}

  void flow(const CaptureFile& file, const FlowResult& flow) override {
    std::vector<JsonObject> differences;
    for (const Difference& difference : flow.differences) {
      differences.push_back(
          JsonObject().add("level", to_string(difference.level)).add("text", std::string_view(difference.text)));
    }
    std::string notes;
    for (const std::string& note : flow.notes) notes += (notes.empty() ? "" : "; ") + note;
    JsonObject object;
    object.add("event", "flow").add("capture", std::string_view(file.path)).add("flow", flow.number);
    object.add("peer", AddressText(flow.tuple.remote).view()).add("host", AddressText(flow.tuple.local).view());
    object.add("packets", flow.packets).add_seconds("first", flow.first.time_since_epoch().count());
    object.add_seconds("last", flow.last.time_since_epoch().count()).add("verdict", to_string(flow.verdict));
    if (!flow.reason.empty()) object.add("reason", std::string_view(flow.reason));
    if (flow.verdict != Verdict::not_replayable) {
      object.add("captured", std::string_view(to_string(flow.captured)));
      object.add("ours", std::string_view(to_string(flow.ours)));
    }
    if (!differences.empty()) object.add("differences", differences);
    if (!flow.diff.empty()) object.add("diff", std::string_view(flow.diff));
    if (!notes.empty()) object.add("notes", std::string_view(notes));
    print(object);
  }

  void capture(const CaptureReport& report) override {
    JsonObject object;
    object.add("event", "capture").add("capture", std::string_view(report.file.path));
    add_counts(object, report.result.counts, report.verdicts);
    if (!report.unreadable.empty()) object.add("unreadable", std::string_view(report.unreadable));
    if (!report.missing_flows.empty()) object.add("missing_flows", report.missing_flows.size());
    print(object);
  }

  void end(const Totals& totals) override {
    JsonObject object;
    object.add("event", "end").add("captures", totals.captures).add("unreadable", totals.unreadable);
    add_counts(object, totals.counts, totals.verdicts);
    print(object);
  }

 private:
  static void add_counts(JsonObject& object, const capture::CaptureCounts& counts, const Verdicts& verdicts) {
    object.add("packets", counts.frames).add("flows", verdicts.all()).add("same", verdicts.same);
    object.add("different", verdicts.different).add("not_replayable", verdicts.not_replayable);
    object.add("filtered_out", counts.filtered_out).add("ipv6", counts.ipv6).add("not_ip", counts.not_ip);
    object.add("malformed", counts.malformed).add("truncated", counts.truncated).add("fragments", counts.fragments);
    object.add("lost_fragments", counts.lost_fragments).add("backwards", counts.backwards);
    object.add("cut_short", counts.cut_short);
  }

  void print(const JsonObject& object) { out_ << object.text() << std::endl; }

  std::ostream& out_;
};

}  // namespace

std::unique_ptr<Report> tap_report(std::ostream& out) { return std::make_unique<Tap>(out); }
std::unique_ptr<Report> junit_report(std::ostream& out) { return std::make_unique<Junit>(out); }
std::unique_ptr<Report> json_report(std::ostream& out) { return std::make_unique<JsonLines>(out); }

}  // namespace backstop::replay
