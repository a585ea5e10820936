#include "tools/analysis/flow_analyzer.hpp"

#include <algorithm>

#include "tools/notation/format.hpp"

namespace backstop::analysis {

using namespace std::chrono_literals;

struct FlowAnalyzer::View {
  const wire::Segment& segment;
  Side from;
  const Half& sender;
  const Half& receiver;
  Offset seq;
  Offset end;
  Offset ack;
  std::size_t text_size;

  [[nodiscard]] bool is_plain() const { return !segment.syn() && !segment.fin() && !segment.rst(); }
  // An acknowledgment of what the sender acknowledged before, from the edge of what it has sent.
  [[nodiscard]] bool repeats_ack() const {
    return is_plain() && text_size == 0 && segment.has_ack() && sender.acked_anything && seq == sender.edge &&
           ack == sender.ack;
  }
  // An octet that was acknowledged, or nothing in its place. Wireshark calls an old acknowledgment that comes late a
  // keep-alive as well; one that asks for news knows the latest.
  [[nodiscard]] bool keeps_alive() const {
    return is_plain() && text_size <= 1 && seq == sender.edge - 1 && ack >= sender.ack;
  }
  [[nodiscard]] bool same_window() const { return segment.window == sender.window; }
  [[nodiscard]] bool was_seen(Offset offset) const {
    return std::ranges::any_of(
        sender.seen.ranges(), [&](const replay::Range& range) { return range.left <= offset && offset < range.right; });
  }
};

namespace {

// RFC 2883 section 4: the first block is below the acknowledgment, or inside of the second.
bool reports_duplicate(const wire::Segment& segment) {
  const wire::SackBlocks& blocks = segment.options.sack;
  if (blocks.empty() || !segment.has_ack()) return false;
  if (blocks[0].right <= segment.ack) return true;
  return blocks.size() > 1 && blocks[1].left <= blocks[0].left && blocks[0].right <= blocks[1].right;
}

}  // namespace

Finding FlowAnalyzer::see(Side from, const wire::Segment& segment, std::uint64_t number, Instant now) {
  learn_origins(from, segment);
  const View view = view_of(from, segment);
  place_ = {view.seq, view.ack};
  Finding finding;
  finding.marks = judge(view, now);
  if (reports_duplicate(segment)) finding.marks |= Mark::d_sack;
  remember(half(from), view, finding, number, now);
  learn_handshake(from, segment, now);
  return finding;
}

std::uint64_t FlowAnalyzer::window(Side side) const {
  constexpr std::uint8_t largest_scale = 14;  // RFC 7323 section 2.3
  const Half& sender = half(side);
  const bool scales = sender.window_is_scaled && sender.window_scale && half(other(side)).window_scale;
  return std::uint64_t{sender.window} << (scales ? std::min(*sender.window_scale, largest_scale) : 0);
}

// A connection that was captured from its middle on has no SYN: there the first octet seen is 1, as if it came right
// behind one.
void FlowAnalyzer::learn_origins(Side from, const wire::Segment& segment) {
  Half& sender = half(from);
  Half& receiver = half(other(from));
  if (!sender.origin || (segment.syn() && !sender.sent_anything)) {
    const bool at_origin = segment.syn() || notation::is_zero_by_rule(segment);
    sender.origin = replay::StreamOrigin(at_origin ? segment.seq : segment.seq - 1);
  }
  if (!receiver.origin && segment.has_ack()) receiver.origin = replay::StreamOrigin(segment.ack - 1);
}

void FlowAnalyzer::learn_handshake(Side from, const wire::Segment& segment, Instant now) {
  if (from != Side::client || handshake_time_) return;
  if (segment.syn()) {
    syn_time_ = now;
  } else if (syn_time_ && segment.has_ack()) {
    handshake_time_ = now - *syn_time_;
  }
}

FlowAnalyzer::View FlowAnalyzer::view_of(Side from, const wire::Segment& segment) const {
  const Half& sender = half(from);
  const Half& receiver = half(other(from));
  const Offset seq = sender.origin->offset_of(segment.seq);
  return {.segment = segment,
          .from = from,
          .sender = sender,
          .receiver = receiver,
          .seq = seq,
          .end = seq + static_cast<Offset>(segment.length()),
          .ack = segment.has_ack() ? receiver.origin->offset_of(segment.ack) : 0,
          .text_size = segment.text.size()};
}

Marks FlowAnalyzer::judge(const View& view, Instant now) const {
  const Half& sender = view.sender;
  const bool probes = view.text_size == 1 && view.seq == sender.edge && view.receiver.window == 0;
  if (probes && sender.sent_anything && view.receiver.acked_anything) return Mark::zero_window_probe;
  Marks marks = judge_window(view);
  if (marks.has_any_of(Mark::keep_alive_ack | Mark::zero_window_probe_ack)) return marks;
  if (view.segment.has_ack() && view.receiver.sent_anything && view.ack > view.receiver.edge) {
    marks |= Mark::acked_unseen_segment;
  }
  if (!sender.sent_anything || view.segment.rst()) return marks;
  if (view.seq > sender.edge) return marks | Mark::previous_segment_not_captured;
  if (view.keeps_alive()) return marks | Mark::keep_alive;
  if (view.end == view.seq || view.seq == sender.edge) return marks;
  return marks | classify_old_text(view, now);
}

Marks FlowAnalyzer::judge_window(const View& view) const {
  Marks marks;
  if (!view.is_plain()) return marks;
  const bool is_zero = view.segment.window == 0;
  if (view.repeats_ack() && view.same_window()) {
    if (is_zero && view.receiver.last.has(Mark::zero_window_probe)) return Mark::zero_window_probe_ack;
    if (!is_zero && view.receiver.last.has(Mark::keep_alive)) return Mark::keep_alive_ack;
    if (!is_zero) marks |= Mark::duplicate_ack;
  } else if (view.repeats_ack() && !is_zero) {
    marks |= Mark::window_update;
  }
  if (is_zero) marks |= Mark::zero_window;
  const bool knows_window = view.receiver.acked_anything && view.receiver.window_scale;
  if (view.text_size > 0 && knows_window) {
    const auto right_edge = view.receiver.ack + static_cast<Offset>(window(other(view.from)));
    if (view.end == right_edge) marks |= Mark::window_full;
  }
  return marks;
}

// Text, a SYN or a FIN from in front of the edge of what was sent.
// Wireshark calls what comes soon behind newer text out of order even when the same text has passed by before, which at
// the sender's own interface can only be a retransmission. Here only text that was not seen yet can be out of order.
Mark FlowAnalyzer::classify_old_text(const View& view, Instant now) const {
  constexpr Duration soon_after_ack = 20ms;
  constexpr Duration soon_after_newer_text = 3ms;
  const Half& receiver = view.receiver;
  if (view.text_size > 0 && receiver.acked_anything && view.end <= receiver.ack) return Mark::spurious_retransmission;
  const bool asked_for = receiver.duplicates >= 2 && receiver.ack == view.seq;
  if (asked_for && now - receiver.ack_time < soon_after_ack) return Mark::fast_retransmission;
  const bool soon = now - view.sender.edge_time < handshake_time_.value_or(soon_after_newer_text);
  return soon && !view.was_seen(view.seq) ? Mark::out_of_order : Mark::retransmission;
}

void FlowAnalyzer::remember_ack(Half& sender, const View& view, Finding& finding, std::uint64_t number, Instant now) {
  const bool is_late = sender.acked_anything && view.ack < sender.ack;
  if (!view.segment.has_ack() || is_late) return;
  if (!sender.acked_anything || view.ack > sender.ack) {
    sender.ack_number = number;
    sender.duplicates = 0;
  } else if (finding.marks.has(Mark::duplicate_ack)) {
    finding.duplicate_of = sender.ack_number;
    finding.duplicate_number = ++sender.duplicates;
  }
  sender.ack = view.ack;
  sender.ack_time = now;
  sender.acked_anything = true;
  half(other(view.from)).origin->advance(view.ack);
}

void FlowAnalyzer::remember(Half& sender, const View& view, Finding& finding, std::uint64_t number, Instant now) {
  const wire::Segment& segment = view.segment;
  remember_ack(sender, view, finding, number, now);
  if (segment.syn()) sender.window_scale = segment.options.window_scale;
  sender.window = segment.window;
  sender.window_is_scaled = !segment.syn();
  sender.last = finding.marks;
  // A RST is no part of the stream, and may be somebody else's who has guessed a number.
  if (segment.rst()) return;
  sender.seen.add({view.seq, view.end});
  if (!sender.sent_anything || view.end > sender.edge) {
    sender.edge = view.end;
    sender.edge_time = now;
  }
  sender.sent_anything = true;
  sender.origin->advance(view.end);
}

}  // namespace backstop::analysis
