#include "tools/plot/series.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "tools/analysis/round_trips.hpp"
#include "tools/page/markup.hpp"
#include "tools/replay/ack_trail.hpp"

namespace backstop::plot {
namespace {

using analysis::Conversation;
using analysis::Mark;
using analysis::Offset;
using analysis::Record;
using analysis::Side;

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

// A connection seen as the transfer of one side's text.
class Transfer {
 public:
  Transfer(const Conversation& conversation, Side sender) : conversation_(conversation), sender_(sender) {}

  [[nodiscard]] double time_of(const Record& record) const { return seconds(record.time - conversation_.first()); }
  [[nodiscard]] bool is_sent(const Record& record) const { return is_good(record) && record.from == sender_; }
  /// Whether it acknowledges something of the text.
  [[nodiscard]] bool is_ack(const Record& record) const {
    return is_good(record) && record.from != sender_ && record.segment.has_ack();
  }
  [[nodiscard]] const std::vector<Record>& records() const { return conversation_.records; }
  /// An edge of a SACK block as an offset in the text.
  [[nodiscard]] Offset offset_near(SeqNum seq, const Record& ack) const {
    return ack.place.ack + static_cast<std::int32_t>(seq - ack.segment.ack);
  }
  [[nodiscard]] std::string name() const {
    return std::string(" of what the ") + (sender_ == Side::client ? "client" : "server") + " sent, flow " +
           std::to_string(conversation_.number) + ": " + analysis::name_of(conversation_);
  }
  [[nodiscard]] const Conversation& conversation() const { return conversation_; }
  [[nodiscard]] Side sender() const { return sender_; }

 private:
  static bool is_good(const Record& record) { return record.is_segment && !record.checksum_wrong; }

  const Conversation& conversation_;
  Side sender_;
};

// The series of a time-sequence chart, from the bottom to the top.
enum Layer : std::size_t { window_edge, sack_blocks, acknowledged, duplicates, text, out_of_order, again, ends };

std::optional<Layer> layer_of(const Record& record) {
  if (record.finding.marks.has_any_of(analysis::any_retransmission)) return Layer::again;
  if (record.finding.marks.has(Mark::out_of_order)) return Layer::out_of_order;
  return record.text_size > 0 ? std::optional{Layer::text} : std::nullopt;
}

std::vector<Series> time_sequence_layers() {
  return {{.name = "end of the window", .colour = "window", .shape = Shape::steps, .sets_scale = false},
          {.name = "SACK blocks", .colour = "sack", .shape = Shape::bars},
          {.name = "acknowledged", .colour = "ack", .shape = Shape::steps},
          {.name = "duplicate ACK", .colour = "duplicate", .shape = Shape::dots},
          {.name = "text", .colour = "ink", .shape = Shape::bars},
          {.name = "out of order", .colour = "order", .shape = Shape::bars},
          {.name = "retransmission", .colour = "again", .shape = Shape::bars, .bold = true},
          {.name = "SYN, FIN", .colour = "reset", .shape = Shape::dots}};
}

// As Stevens drew it and tcptrace does: text as bars, the edge that was acknowledged, and the window above it.
Chart time_sequence(const Transfer& transfer) {
  Chart chart{.title = "Time and sequence numbers" + transfer.name(),
              .notes = {},
              .y_label = "sequence number",
              .series = time_sequence_layers()};
  const auto add = [&](Layer layer, const Datum& datum) { chart.series[layer].data.push_back(datum); };
  for (const Record& record : transfer.records()) {
    const double time = transfer.time_of(record);
    if (transfer.is_sent(record)) {
      const auto seq = static_cast<double>(record.place.seq);
      const auto end = static_cast<double>(record.end());
      if (const auto layer = layer_of(record)) add(*layer, {time, seq, end});
      if (record.segment.syn()) add(ends, {time, seq});
      if (record.segment.fin()) add(ends, {time, end});
    } else if (transfer.is_ack(record)) {
      const auto ack = static_cast<double>(record.place.ack);
      add(acknowledged, {time, ack});
      if (!record.segment.rst()) add(window_edge, {time, ack + static_cast<double>(record.window)});
      for (const wire::SackBlock& block : record.segment.options.sack) {
        add(sack_blocks, {time, static_cast<double>(transfer.offset_near(block.left, record)),
                          static_cast<double>(transfer.offset_near(block.right, record))});
      }
      if (record.finding.marks.has(Mark::duplicate_ack)) add(duplicates, {time, ack});
    }
  }
  return chart;
}

// What is on its way at each moment, as far as the capture tells.
class InFlight {
 public:
  void sent(const Record& record) { edge_ = std::max(edge_, record.end()); }
  void acknowledged(const Record& record, const Transfer& transfer) {
    if (record.place.ack > acked_) sacked_ = {};
    acked_ = std::max(acked_, record.place.ack);
    for (const wire::SackBlock& block : record.segment.options.sack) {
      const Offset left = transfer.offset_near(block.left, record);
      const Offset right = transfer.offset_near(block.right, record);
      if (left >= acked_) sacked_.add({left, right});
    }
  }
  [[nodiscard]] double unacknowledged() const { return static_cast<double>(std::max<Offset>(edge_ - acked_, 0)); }
  [[nodiscard]] double without_sacked() const {
    Offset size = std::max<Offset>(edge_ - acked_, 0);
    for (const replay::Range& range : sacked_.ranges()) size -= range.right - range.left;
    return static_cast<double>(std::max<Offset>(size, 0));
  }

 private:
  Offset edge_ = 0;
  Offset acked_ = 0;
  replay::RangeSet sacked_;
};

Chart windows(const Transfer& transfer) {
  Chart chart{.title = "Windows" + transfer.name(), .notes = {}, .y_label = "octets", .series = {}};
  chart.series = {{.name = "window that the receiver offers", .colour = "window", .shape = Shape::steps},
                  {.name = "sent and not acknowledged", .colour = "ink", .shape = Shape::steps},
                  {.name = "window zero", .colour = "again", .shape = Shape::dots}};
  InFlight in_flight;
  for (const Record& record : transfer.records()) {
    const double time = transfer.time_of(record);
    if (transfer.is_sent(record)) in_flight.sent(record);
    if (transfer.is_ack(record)) {
      in_flight.acknowledged(record, transfer);
      if (record.segment.rst()) continue;
      chart.series[0].data.push_back({time, static_cast<double>(record.window)});
      if (record.window == 0) chart.series[2].data.push_back({time, 0});
    }
    chart.series[1].data.push_back({time, in_flight.unacknowledged()});
  }
  return chart;
}

Chart congestion_window(const Transfer& transfer) {
  Chart chart{
      .title = "Text in flight" + transfer.name(),
      .notes = {"The congestion window is not on the wire. What a sender that has enough to send keeps in flight "
                "shows it, estimated from where the capture was made."},
      .y_label = "octets",
      .series = {}};
  chart.series = {
      {.name = "sent and not acknowledged", .colour = "ink", .shape = Shape::steps},
      {.name = "of it, without what SACK reports", .colour = "sack", .shape = Shape::steps},
      {.name = "window that the receiver offers", .colour = "window", .shape = Shape::steps, .sets_scale = false},
      {.name = "retransmission", .colour = "again", .shape = Shape::dots}};
  InFlight in_flight;
  for (const Record& record : transfer.records()) {
    const double time = transfer.time_of(record);
    if (transfer.is_sent(record)) in_flight.sent(record);
    if (transfer.is_ack(record)) {
      in_flight.acknowledged(record, transfer);
      if (!record.segment.rst()) chart.series[2].data.push_back({time, static_cast<double>(record.window)});
    }
    chart.series[0].data.push_back({time, in_flight.unacknowledged()});
    chart.series[1].data.push_back({time, in_flight.without_sacked()});
    const bool again = transfer.is_sent(record) && record.finding.marks.has_any_of(analysis::any_retransmission);
    if (again) chart.series[3].data.push_back({time, in_flight.unacknowledged()});
  }
  return chart;
}

Chart round_trip_times(const Transfer& transfer) {
  Chart chart{
      .title = "Round-trip times" + transfer.name(),
      .notes = {"From a segment's passing where the capture was made to its acknowledgment's; none for segments "
                "sent more than once (RFC 6298 section 3)."},
      .y_label = "milliseconds",
      .series = {}};
  chart.series = {{.name = "sample", .colour = "ink", .shape = Shape::dots},
                  {.name = "smoothed (SRTT)", .colour = "window", .shape = Shape::line}};
  constexpr double gain = 0.125;  // RFC 6298 section 2
  double smoothed = 0;
  for (const analysis::RoundTrip& trip : analysis::round_trips(transfer.conversation(), transfer.sender())) {
    const double time = seconds(trip.acked - transfer.conversation().first());
    const double milliseconds = seconds(trip.time) * 1000;
    smoothed = chart.series[0].data.empty() ? milliseconds : smoothed + gain * (milliseconds - smoothed);
    chart.series[0].data.push_back({time, milliseconds});
    chart.series[1].data.push_back({time, smoothed});
  }
  return chart;
}

// About fifty spans of a round length.
double span_for(double duration) {
  constexpr double most_spans = 60;
  double span = 0.001;
  for (const std::array<double, 3> factors{2, 2.5, 2}; span * most_spans < duration;) {
    for (const double factor : factors) {
      if (span * most_spans < duration) span *= factor;
    }
  }
  return span;
}

Chart throughput(const Transfer& transfer) {
  const auto& records = transfer.records();
  const double duration = records.empty() ? 0 : transfer.time_of(records.back());
  const double span = span_for(duration);
  const auto count = static_cast<std::size_t>(duration / span) + 1;
  std::vector<double> sent(count);
  std::vector<double> acknowledged(count);
  Offset acked = 1;
  for (const Record& record : records) {
    const auto at = std::min(static_cast<std::size_t>(transfer.time_of(record) / span), count - 1);
    if (transfer.is_sent(record)) sent[at] += record.text_size;
    if (!transfer.is_ack(record) || record.place.ack <= acked) continue;
    acknowledged[at] += static_cast<double>(record.place.ack - acked);
    acked = record.place.ack;
  }
  Chart chart{.title = "Throughput" + transfer.name(),
              .notes = {"Text in spans of " + page::duration_text(span) + "."},
              .y_label = "kbit/s",
              .series = {}};
  chart.series = {{.name = "sent, with what was sent again", .colour = "again", .shape = Shape::steps},
                  {.name = "acknowledged", .colour = "ack", .shape = Shape::steps}};
  for (std::size_t i = 0; i < count; ++i) {
    const double time = static_cast<double>(i) * span;
    chart.series[0].data.push_back({time, sent[i] * 8 / span / 1000});
    chart.series[1].data.push_back({time, acknowledged[i] * 8 / span / 1000});
  }
  return chart;
}

}  // namespace

Chart make_chart(Kind kind, const Conversation& conversation, Side sender) {
  const Transfer transfer(conversation, sender);
  switch (kind) {
    case Kind::time_sequence:
      return time_sequence(transfer);
    case Kind::window:
      return windows(transfer);
    case Kind::rtt:
      return round_trip_times(transfer);
    case Kind::cwnd:
      return congestion_window(transfer);
    case Kind::throughput:
      break;
  }
  return throughput(transfer);
}

Side busier_side(const Conversation& conversation) {
  std::array<std::uint64_t, 2> octets{};
  for (const Record& record : conversation.records) octets[static_cast<std::size_t>(record.from)] += record.text_size;
  return octets[1] > octets[0] ? Side::server : Side::client;
}

}  // namespace backstop::plot
