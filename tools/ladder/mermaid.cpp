// A ladder as a sequenceDiagram in Mermaid's language, which many wikis and code hosts draw.
#include <ostream>

#include "tools/ladder/ladder.hpp"
#include "tools/notation/transcript.hpp"
#include "tools/page/markup.hpp"

namespace backstop::ladder {
namespace {

// Mermaid's own escapes: '#' begins one, ';' ends a statement, and angle brackets would be HTML.
std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '#':
        escaped += "#35;";
        break;
      case ';':
        escaped += "#59;";
        break;
      case '<':
        escaped += "#lt;";
        break;
      case '>':
        escaped += "#gt;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return escaped;
}

// Colours that leave the text readable, whether it is black or white.
std::string_view tint_of(const Step& step) {
  if (step.passage == Passage::lost) return "rgba(200, 30, 30, 0.25)";
  switch (step.kind) {
    case Kind::again:
      return "rgba(200, 30, 30, 0.15)";
    case Kind::duplicate_ack:
      return "rgba(220, 130, 10, 0.15)";
    case Kind::gap:
      return "rgba(15, 118, 110, 0.15)";
    case Kind::window:
      return "rgba(24, 89, 168, 0.15)";
    case Kind::reset:
    case Kind::message:
      return "rgba(176, 24, 143, 0.15)";
    case Kind::keep_alive:
    case Kind::control:
    case Kind::plain:
    case Kind::count_:
      break;
  }
  return "";
}

std::string label_of(const Ladder& ladder, const Step& step) {
  std::string label = notation::format(step.time - ladder.start) + " " + step.segment;
  if (step.passage == Passage::lost) label += " [lost]";
  if (step.passage == Passage::twice) label += " [delivered twice]";
  if (!step.marks.empty()) label += " [" + step.marks + "]";
  if (!step.options.empty()) label += " " + step.options;
  return escape(label);
}

void write_step(std::ostream& out, const Ladder& ladder, const Step& step) {
  if (step.hidden) {
    out << "  Note over C,S: ... " << escape(to_string(*step.hidden)) << " ...\n";
    return;
  }
  const std::string_view tint = tint_of(step);
  if (!tint.empty()) out << "  rect " << tint << "\n  ";
  const bool by_client = step.from == Side::client;
  out << "  " << (by_client ? 'C' : 'S') << (step.passage == Passage::lost ? "-x" : "->>") << (by_client ? 'S' : 'C')
      << ": " << label_of(ladder, step) << '\n';
  if (!tint.empty()) out << "  end\n";
}

}  // namespace

void write_mermaid(std::ostream& out, const std::vector<Ladder>& ladders) {
  out << "sequenceDiagram\n";
  const bool one = ladders.size() == 1;
  out << "  participant C as " << (one ? escape(ladders.front().client) : "client") << '\n';
  out << "  participant S as " << (one ? escape(ladders.front().server) : "server") << '\n';
  for (const Ladder& ladder : ladders) {
    if (!one) out << "  Note over C,S: " << escape(ladder.title) << '\n';
    for (const std::string& note : ladder.notes) out << "  Note over C,S: " << escape(note) << '\n';
    Instant before = ladder.start;
    for (const Step& step : ladder.steps) {
      const Duration time = step.time - before;
      if (is_pause(time, ladder.distance)) {
        out << "  Note over C,S: " << page::duration_text(std::chrono::duration<double>(time).count()) << " later\n";
      }
      before = std::max(before, step.time);
      write_step(out, ladder, step);
    }
  }
}

}  // namespace backstop::ladder
