// The reports for readers: what a replay came to, and --list.
#include <algorithm>

#include "tools/notation/transcript.hpp"
#include "tools/replay/lines.hpp"
#include "tools/replay/report.hpp"

namespace backstop::replay {
namespace {

// Why: more than anyone reads of one capture; the counts are of all flows.
constexpr std::size_t most_flows_explained = 20;
constexpr std::size_t most_lines = 100;

class Console final : public Report {
 public:
  Console(std::ostream& out, bool transcripts) : out_(out), transcripts_(transcripts) {}

  void flow(const CaptureFile& file, const FlowResult& flow) override {
    if (transcripts_) write_transcript(file, flow);
    if (flow.verdict == Verdict::same) return;
    if (++unlike_ > most_flows_explained) return;
    details_ += "  " + title_of(flow) + ": " + std::string(to_string(flow.verdict)) + "\n";
    const std::vector<std::string> lines = explain(flow);
    const std::size_t shown = std::min(lines.size(), most_lines);
    for (std::size_t i = 0; i < shown; ++i) details_ += "    " + lines[i] + "\n";
    if (shown < lines.size()) details_ += "    and " + counted(lines.size() - shown, "line") + " more\n";
  }

  void capture(const CaptureReport& report) override {
    out_ << report.file.path << ": ";
    if (report.unreadable.empty()) {
      out_ << to_string(report.verdicts);
    } else {
      out_ << "unreadable";
      details_ += "  " + report.unreadable + "\n";
    }
    const std::string remarks = remarks_on(report.result.counts);
    if (!remarks.empty()) out_ << " (packets: " << remarks << ")";
    if (report.golden_written) out_ << ", golden written";
    out_ << '\n' << details_;
    if (unlike_ > most_flows_explained) out_ << "  and " << unlike_ - most_flows_explained << " flows more\n";
    for (const std::string& name : report.missing_flows)
      out_ << "  not in the capture, but in the golden: " << name << "\n";
    out_.flush();
    details_.clear();
    unlike_ = 0;
  }

  void end(const Totals& /*totals*/) override {}
  [[nodiscard]] bool needs_stories() const override { return transcripts_; }

 private:
  void write_transcript(const CaptureFile& file, const FlowResult& flow) {
    out_ << title_of(flow) << ", " << file.path << '\n';
    for (const std::string& line : story_lines(flow)) out_ << line << '\n';
    out_ << '\n';
  }

  std::ostream& out_;
  bool transcripts_;
  std::string details_;
  std::size_t unlike_ = 0;
};

class List final : public Report {
 public:
  explicit List(std::ostream& out) : out_(out) {}

  void flow(const CaptureFile& /*file*/, const FlowResult& flow) override {
    const std::string what =
        flow.verdict == Verdict::not_replayable ? "not replayable: " + flow.reason : to_string(flow.captured);
    lines_.push_back({flow.number, "  " + title_of(flow) + ": " + counted(flow.packets, "packet") + ", " +
                                       notation::format(flow.last - flow.first) + " s, " + what});
  }

  // Flows come in the order of their ends.
  void capture(const CaptureReport& report) override {
    const std::string& bad = report.unreadable;
    out_ << report.file.path << ": " << (bad.empty() ? counted(report.verdicts.all(), "flow") : bad) << '\n';
    std::ranges::sort(lines_, {}, &Line::flow);
    for (const Line& line : lines_) out_ << line.text << '\n';
    lines_.clear();
  }

  void end(const Totals& /*totals*/) override {}

 private:
  struct Line {
    std::uint32_t flow = 0;
    std::string text;
  };

  std::ostream& out_;
  std::vector<Line> lines_;
};

}  // namespace

std::unique_ptr<Report> console_report(std::ostream& out, bool transcripts) {
  return std::make_unique<Console>(out, transcripts);
}

std::unique_ptr<Report> list_report(std::ostream& out) { return std::make_unique<List>(out); }

}  // namespace backstop::replay
