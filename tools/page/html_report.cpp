#include "tools/page/html_report.hpp"

#include <sstream>
#include <vector>

#include "tools/ladder/ladder.hpp"
#include "tools/notation/transcript.hpp"
#include "tools/page/html_parts.hpp"
#include "tools/page/markup.hpp"
#include "tools/page/story_conversation.hpp"
#include "tools/plot/series.hpp"
#include "tools/replay/lines.hpp"

namespace backstop::page {
namespace {

using replay::Actor;
using replay::CaptureFile;
using replay::CaptureReport;
using replay::FlowResult;
using replay::Verdict;

// Why: browsers take this much in good time. What comes later goes without pictures.
constexpr std::size_t most_octets_of_pictures = 24'000'000;
constexpr std::size_t most_lines = 400;

std::string_view class_of(Verdict verdict) {
  if (verdict == Verdict::same) return "same";
  return verdict == Verdict::different ? "different" : "not";
}

std::string cell(std::string_view kind, const std::string& content) {
  return "<td" + (kind.empty() ? "" : " class=\"" + std::string(kind) + "\"") + ">" + content + "</td>";
}

class HtmlReport final : public replay::Report {
 public:
  explicit HtmlReport(std::ostream& out) : out_(out) { out_ << html_head(); }

  void flow(const CaptureFile& file, const FlowResult& flow) override {
    const std::string anchor = "f" + std::to_string(++flows_);
    rows_.push_back(row_of(file, flow, anchor));
    out_ << "<section id=\"" << anchor << "\">\n<h2>" << escape(file.name + ", " + title_of(flow)) << "</h2>\n";
    out_ << "<p><span class=\"" << class_of(flow.verdict) << "\">" << replay::to_string(flow.verdict) << "</span>"
         << (flow.reason.empty() ? "" : ": " + escape(flow.reason)) << "</p>\n";
    for (const std::string& note : flow.notes) out_ << "<p class=\"soft\">" << escape(note) << "</p>\n";
    if (flow.verdict == Verdict::different) write_lines(explain(flow));
    if (!flow.story.moments().empty()) write_pictures(flow);
    out_ << "</section>\n";
  }

  void capture(const CaptureReport& report) override {
    const std::string name = cell("", escape(report.file.name));
    if (!report.unreadable.empty()) {
      rows_.push_back(name + cell("number", "") + cell("", "") + cell("number", "") + cell("number", "") +
                      cell("unreadable", "unreadable") + cell("", escape(report.unreadable)));
    }
    for (const std::string& flow : report.missing_flows) {
      rows_.push_back(name + cell("number", "") + cell("", escape(flow)) + cell("number", "") + cell("number", "") +
                      cell("different", "missing") + cell("", "the golden has this flow, the capture does not"));
    }
    out_.flush();
  }

  void end(const replay::Totals& totals) override {
    out_ << "<section id=\"summary\">\n<p>" << replay::counted(totals.captures, "capture") << ", "
         << counted(totals.tcp_packets, "packet") << ", " << escape(to_string(totals.verdicts));
    if (totals.unreadable > 0) out_ << ", " << totals.unreadable << " captures unreadable";
    out_ << ".</p>\n<table>\n<thead><tr><th>capture</th><th class=\"number\">flow</th><th>hosts</th>"
            "<th class=\"number\">packets</th><th class=\"number\">seconds</th><th>verdict</th><th>what came of it</th>"
            "</tr></thead>\n<tbody>\n";
    for (const std::string& row : rows_) out_ << "<tr>" << row << "</tr>\n";
    out_ << "</tbody>\n</table>\n</section>\n" << html_script() << "</body>\n</html>\n";
    out_.flush();
  }

  [[nodiscard]] bool needs_stories() const override { return true; }

 private:
  static std::string row_of(const CaptureFile& file, const FlowResult& flow, const std::string& anchor) {
    std::string what = flow.verdict == Verdict::not_replayable ? flow.reason : to_string(flow.ours);
    if (!flow.differences.empty()) what = counted(flow.differences.size(), "difference") + "; " + what;
    return cell("", "<a href=\"#" + anchor + "\">" + escape(file.name) + "</a>") +
           cell("number", std::to_string(flow.number)) + cell("line", escape(name_of(flow))) +
           cell("number", grouped(flow.packets)) + cell("number", notation::format(flow.last - flow.first)) +
           cell("line " + std::string(class_of(flow.verdict)), std::string(replay::to_string(flow.verdict))) +
           cell("", escape(what));
  }

  void write_lines(const std::vector<std::string>& lines) {
    out_ << "<pre>";
    for (std::size_t i = 0; i < lines.size() && i < most_lines; ++i) {
      const std::string& line = lines[i];
      const bool plus = line.starts_with('+');
      const bool marked = plus || line.starts_with('-');
      if (marked) out_ << (plus ? "<span class=\"plus\">" : "<span class=\"minus\">");
      out_ << escape(line) << (marked ? "</span>\n" : "\n");
    }
    if (lines.size() > most_lines) out_ << "... " << counted(lines.size() - most_lines, "line") << " more\n";
    out_ << "</pre>\n";
  }

  void write_pictures(const FlowResult& flow) {
    if (octets_of_pictures_ > most_octets_of_pictures) {
      out_ << "<p class=\"soft\">No pictures: the page holds as many as a browser can take. Replay this capture alone "
              "to "
              "see them.</p>\n";
      return;
    }
    const bool differs = flow.verdict == Verdict::different;
    if (differs) write_ladder(flow, Actor::us, "Ladder with our stack", true);
    write_ladder(flow, Actor::captured_host, differs ? "Ladder with the captured host" : "Ladder", differs);
    write_plot(flow, differs);
  }

  void write_ladder(const FlowResult& flow, Actor host, std::string_view name, bool open) {
    ladder::Ladder ladder = ladder::build(conversation_of(flow, host));
    if (host == Actor::us) ladder.notes = {"the packets of our stack, when it sent them"};
    ladder::collapse(ladder);
    std::ostringstream picture;
    ladder::write_svg(picture, {ladder}, Surroundings::page);
    write_details(name, picture.str(), open);
  }

  void write_plot(const FlowResult& flow, bool open) {
    const auto conversation = conversation_of(flow, Actor::captured_host);
    const auto chart = make_chart(plot::Kind::time_sequence, conversation, plot::busier_side(conversation));
    std::ostringstream picture;
    write_svg(picture, chart, Surroundings::page);
    write_details("Time and sequence numbers", picture.str(), open);
  }

  void write_details(std::string_view name, const std::string& content, bool open) {
    octets_of_pictures_ += content.size();
    out_ << "<details" << (open ? " open" : "") << "><summary>" << name << "</summary>\n" << content << "</details>\n";
  }

  std::ostream& out_;
  std::vector<std::string> rows_;
  std::size_t flows_ = 0;
  std::size_t octets_of_pictures_ = 0;
};

}  // namespace

std::unique_ptr<replay::Report> html_report(std::ostream& out) { return std::make_unique<HtmlReport>(out); }

}  // namespace backstop::page
