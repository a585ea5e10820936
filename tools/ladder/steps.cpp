#include "tools/ladder/steps.hpp"

#include <utility>

#include "tools/notation/format.hpp"
#include "tools/page/markup.hpp"

namespace backstop::ladder {
namespace {

using analysis::Conversation;
using analysis::Mark;
using analysis::Record;

std::string ecn_prefix(const wire::Ipv4Header& ip) {
  constexpr std::uint8_t congestion_experienced = 3;
  return (ip.tos & 3) == congestion_experienced ? "[ce] " : "";
}

// The notation's line, but for the options.
std::string segment_words(const Record& record, notation::Relative relative) {
  const wire::Segment& segment = record.segment;
  std::string line = ecn_prefix(record.ip) + notation::format(segment.flags);
  if (line.size() < 2) line += ' ';
  line += " " + notation::format_range(notation::relative_seq(segment, relative), record.text_size);
  if (segment.has_ack()) line += " ack " + std::to_string(notation::relative_ack(segment, relative));
  line += " win " + std::to_string(segment.window);
  if (segment.urg()) line += " urg " + std::to_string(segment.urgent_pointer);
  return line;
}

std::string sack_words(const wire::SackBlocks& blocks, SeqNum origin) {
  std::string words;
  for (const wire::SackBlock& block : blocks) {
    words += " " + std::to_string(block.left - origin) + ":" + std::to_string(block.right - origin);
  }
  return words.empty() ? words : "sack" + words;
}

Kind kind_of(const Record& record) {
  const analysis::Marks marks = record.finding.marks;
  if (!record.is_segment) return record.ip.protocol == wire::protocol_icmp ? Kind::message : Kind::plain;
  if (record.segment.rst()) return Kind::reset;
  if (marks.has_any_of(analysis::any_retransmission)) return Kind::again;
  if (marks.has_any_of(Mark::out_of_order | Mark::previous_segment_not_captured | Mark::acked_unseen_segment)) {
    return Kind::gap;
  }
  if (marks.has(Mark::zero_window)) return Kind::window;
  if (marks.has_any_of(Mark::duplicate_ack | Mark::d_sack)) return Kind::duplicate_ack;
  if (marks.has_any_of(Mark::keep_alive | Mark::keep_alive_ack)) return Kind::keep_alive;
  if (!marks.empty()) return Kind::window;
  return record.segment.syn() || record.segment.fin() ? Kind::control : Kind::plain;
}

std::string details_of(const Conversation& conversation, const Record& record, const std::string& segment) {
  const notation::Relative relative = conversation.relative(record.from);
  const std::string options = notation::format(record.segment.options, relative.peer_isn);
  return segment + (options.empty() ? "" : " " + options) + ", window " + page::grouped(record.window) + " octets";
}

}  // namespace

Step step_of(const Conversation& conversation, const Record& record) {
  Step step;
  step.from = record.from;
  step.kind = kind_of(record);
  step.text_size = record.text_size;
  if (!record.is_segment) {
    step.segment = step.details = record.words;
    const bool from_host =
        record.ip.source == conversation.client.address || record.ip.source == conversation.server.address;
    if (!from_host) step.passage = Passage::from_afar;
    return step;
  }
  const notation::Relative relative = conversation.relative(record.from);
  step.segment = segment_words(record, relative);
  step.options = record.segment.syn() ? notation::format(record.segment.options, relative.peer_isn)
                                      : sack_words(record.segment.options.sack, relative.peer_isn);
  step.marks = record.checksum_wrong ? "checksum wrong" : to_string(record.finding);
  step.details = details_of(conversation, record, step.segment);
  return step;
}

}  // namespace backstop::ladder
