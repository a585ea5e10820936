// A ladder as text: two columns with arrows between them, labels on the side of who sent.
#include <algorithm>
#include <ostream>

#include "tools/ladder/ladder.hpp"
#include "tools/notation/transcript.hpp"
#include "tools/page/markup.hpp"

namespace backstop::ladder {
namespace {

std::string left_padded(std::string text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string cut(std::string text, std::size_t width) {
  if (text.size() <= width) return text;
  return width < 2 ? text.substr(0, width) : text.substr(0, width - 2) + "..";
}

std::string number_text(std::uint64_t number) { return number == 0 ? "" : std::to_string(number); }

// What is written on the arrow: marks first, since they are what is looked for.
std::string label_of(const Step& step, std::size_t width) {
  std::string label = step.segment;
  if (step.passage == Passage::twice) label += " [delivered twice]";
  if (!step.marks.empty()) label += " [" + step.marks + "]";
  if (!step.options.empty()) label += " " + step.options;
  return cut(label, width);
}

class TextLadder {
 public:
  TextLadder(std::ostream& out, const Ladder& ladder, std::size_t width) : out_(out), ladder_(ladder) {
    constexpr std::size_t least_inner = 24;
    const std::size_t margins = left_margin + (ladder.two_captures ? right_margin : 0) + 2;
    inner_ = width > margins + least_inner ? width - margins : least_inner;
  }

  void write() {
    out_ << ladder_.title << '\n';
    for (const std::string& note : ladder_.notes) out_ << "  " << note << '\n';
    head();
    Instant before = ladder_.start;
    for (const Step& step : ladder_.steps) {
      if (is_pause(step.time - before, ladder_.distance)) pause(step.time - before);
      before = std::max(step.time, before);
      step.hidden ? hidden(*step.hidden) : row(step);
    }
    out_ << '\n';
  }

 private:
  static constexpr std::size_t number_width = 5;
  static constexpr std::size_t time_width = 11;
  static constexpr std::size_t left_margin = number_width + 1 + time_width + 1;
  static constexpr std::size_t right_margin = 1 + time_width + 1 + number_width;

  void head() {
    const std::string client = cut(ladder_.client, inner_ / 2);
    const std::string server = cut(ladder_.server, inner_ / 2);
    out_ << std::string(left_margin, ' ') << client << std::string(inner_ + 2 - client.size() - server.size(), ' ')
         << server << '\n';
  }

  void line(const std::string& inner, char edge) {
    out_ << std::string(left_margin, ' ') << edge << inner << edge << '\n';
  }

  [[nodiscard]] std::string centred(const std::string& text) const {
    const std::string shown = cut(text, inner_);
    const std::size_t before = (inner_ - shown.size()) / 2;
    return std::string(before, ' ') + shown + std::string(inner_ - before - shown.size(), ' ');
  }

  void pause(Duration time) {
    line(centred(page::duration_text(std::chrono::duration<double>(time).count()) + " later"), ':');
  }

  void hidden(const Hidden& hidden) { line(centred("... " + to_string(hidden) + " ..."), '|'); }

  void row(const Step& step) {
    const bool by_client = step.from == Side::client;
    const Instant at_client = ladder_.two_captures ? (by_client ? step.sent : step.arrived) : step.time;
    const Instant at_server = by_client ? step.arrived : step.sent;
    out_ << margin(step.client_number, at_client, true) << '|' << arrow(step) << '|';
    if (ladder_.two_captures && step.server_number != 0) out_ << margin(step.server_number, at_server, false);
    out_ << '\n';
  }

  [[nodiscard]] std::string margin(std::uint64_t number, Instant time, bool left) const {
    if (number == 0) return std::string(left_margin, ' ');
    const std::string time_text = left_padded(notation::format(time - ladder_.start), time_width);
    const std::string number_column = left_padded(number_text(number), number_width);
    return left ? number_column + " " + time_text + " " : " " + time_text + " " + number_column;
  }

  // As the client sends it; turned round for the server.
  [[nodiscard]] std::string arrow(const Step& step) const {
    constexpr std::size_t frame = 6;  // "-- ", a space and "->"
    const bool by_client = step.from == Side::client;
    const bool whole = step.passage == Passage::whole || step.passage == Passage::twice;
    const std::size_t room = whole ? inner_ - frame : inner_ - inner_ / 4 - frame;
    const std::string label = label_of(step, room);
    const std::string dashes(room - label.size(), '-');
    const std::string gap(inner_ / 4, ' ');
    switch (step.passage) {
      case Passage::whole:
      case Passage::twice:
        return by_client ? "-- " + label + " " + dashes + "->" : "<-" + dashes + " " + label + " --";
      case Passage::lost:
        return by_client ? "-- " + label + " " + dashes + "-X" + gap : gap + "X-" + dashes + " " + label + " --";
      case Passage::from_afar:
        break;
    }
    return by_client ? gap + "o- " + label + " " + dashes + "->" : "<-" + dashes + " " + label + " -o" + gap;
  }

  std::ostream& out_;
  const Ladder& ladder_;
  std::size_t inner_ = 0;
};

}  // namespace

void write_text(std::ostream& out, const Ladder& ladder, std::size_t width) { TextLadder(out, ladder, width).write(); }

}  // namespace backstop::ladder
