#include "tools/analysis/marks.hpp"

namespace backstop::analysis {

std::string_view name_of(Mark mark) {
  static constexpr std::array<std::string_view, mark_count> names{
      "Retransmission",
      "Fast Retransmission",
      "Spurious Retransmission",
      "Out-Of-Order",
      "Previous segment not captured",
      "ACKed unseen segment",
      "Dup ACK",
      "Window Update",
      "Window Full",
      "ZeroWindow",
      "ZeroWindowProbe",
      "ZeroWindowProbeAck",
      "Keep-Alive",
      "Keep-Alive ACK",
      "D-SACK",
      "Port numbers reused",
  };
  return names[static_cast<std::size_t>(mark)];
}

std::string to_string(const Finding& finding) {
  std::string text;
  for (std::size_t i = 0; i < mark_count; ++i) {
    const auto mark = static_cast<Mark>(i);
    if (!finding.marks.has(mark)) continue;
    text += (text.empty() ? "" : ", ") + std::string(name_of(mark));
    if (mark != Mark::duplicate_ack) continue;
    text += " " + std::to_string(finding.duplicate_of) + "#" + std::to_string(finding.duplicate_number);
  }
  return text;
}

}  // namespace backstop::analysis
