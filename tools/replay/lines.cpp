#include "tools/replay/lines.hpp"

#include <array>

#include "tools/notation/transcript.hpp"

namespace backstop::replay {
namespace {

// The moment's segment with text of its length: the notation writes no more of it than that.
wire::Segment with_text(const Moment& moment) {
  static constexpr std::array<std::byte, wire::max_datagram_size> zeros{};
  wire::Segment segment = moment.segment;
  segment.text = Bytes(zeros).first(moment.text_size);
  return segment;
}

notation::Relative relative_for(const FlowResult& flow, Actor actor) {
  if (actor == Actor::peer) return {flow.peer_isn, flow.host_isn};
  return {flow.host_isn, flow.peer_isn};
}

std::string words_of(const FlowResult& flow, const Moment& moment) {
  if (!moment.is_segment) return moment.words;
  static constexpr std::array<const char*, 4> marks{"", "[ect1] ", "[ect0] ", "[ce] "};
  return marks[moment.ip.tos & 3] + notation::format(with_text(moment), relative_for(flow, moment.actor));
}

std::string padded(std::string text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string line_of(const FlowResult& flow, const Moment& moment) {
  constexpr std::size_t number_width = 5;
  const std::string number = moment.number == 0 ? "" : std::to_string(moment.number);
  return padded(number, number_width) + " " + notation::format(moment.time - flow.first) + " " +
         static_cast<char>(moment.actor) + " " + words_of(flow, moment);
}

std::string hexadecimal(std::uint32_t value) {
  std::string digits;
  for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[(value >> shift) & 0xf];
  return digits;
}

// What the notation leaves out of a packet of ours, so that the line holds all of it.
std::string rest_of_packet(const Moment& moment) {
  std::string rest = "id " + std::to_string(moment.ip.id) + ", ttl " + std::to_string(moment.ip.ttl) + ", tos " +
                     std::to_string(moment.ip.tos) + (moment.ip.dont_fragment ? ", df" : "");
  if (moment.text_size > 0) rest += ", text " + hexadecimal(moment.text_hash);
  if (moment.other_octets != 0) rest += ", other octets " + hexadecimal(moment.other_octets);
  return "  {" + rest + "}";
}

// Options by their kinds; with `blocks`, what they acknowledge as well.
std::string kinds_of(const wire::TcpOptions& options, SeqNum origin, bool blocks) {
  std::string kinds;
  const auto add = [&](const std::string& kind) { kinds += (kinds.empty() ? "" : ",") + kind; };
  if (options.mss) add("mss");
  if (options.sack_permitted) add("sackOK");
  if (options.timestamps) add("TS");
  if (options.window_scale) add("wscale");
  if (!options.sack.empty()) add("sack");
  if (blocks) {
    for (const wire::SackBlock& block : options.sack) {
      kinds += " " + std::to_string(block.left - origin) + ":" + std::to_string(block.right - origin);
    }
  }
  return kinds.empty() ? "" : " <" + kinds + ">";
}

std::string short_line(const FlowResult& flow, const Moment& moment, bool blocks) {
  if (!moment.is_segment) return moment.words;
  const wire::Segment segment = with_text(moment);
  const notation::Relative relative = relative_for(flow, moment.actor);
  std::string line = notation::format(segment.flags);
  line.resize(std::max<std::size_t>(line.size(), 2), ' ');
  line += " " + notation::format_range(notation::relative_seq(segment, relative), moment.text_size);
  if (segment.has_ack()) line += " ack " + std::to_string(notation::relative_ack(segment, relative));
  return line + kinds_of(segment.options, relative.peer_isn, blocks);
}

void remove_number(std::string& line, const std::string& name) {
  const std::size_t at = line.find(name + " ");
  if (at == line.npos) return;
  const std::size_t end = line.find_first_not_of("0123456789", at + name.size() + 1);
  line.erase(at, end == line.npos ? line.npos : end - at);
}

// Options stand in angle brackets; the marks of who sent a packet have a space behind them.
void remove_options(std::string& line) {
  std::size_t at = line.find('<');
  while (at != line.npos && line.compare(at, 2, "< ") == 0) at = line.find('<', at + 1);
  const std::size_t end = line.find('>', at);
  if (at != line.npos && end != line.npos) line.erase(at, end - at + 1);
}

/// Behind the mark of who sent the packet: where the control bits stand.
std::size_t behind_mark(const std::string& line) {
  for (const std::string mark : {"< ", "> ", "~ "}) {
    if (line.starts_with(mark)) return mark.size();
    if (const std::size_t at = line.find(" " + mark); at != line.npos) return at + 1 + mark.size();
  }
  return line.npos;
}

void remove_push(std::string& line) {
  const std::size_t begin = behind_mark(line);
  if (begin == line.npos) return;
  const std::size_t end = line.find(' ', begin);
  const std::size_t push = line.find('P', begin);
  if (push >= end) return;
  line.erase(push, 1);
  if (end - begin <= 2) line.insert(end - 1, 1, ' ');  // a lone bit is padded
}

void remove_time(std::string& line) {
  const std::size_t begin = line.find_first_not_of(' ');
  if (begin == line.npos) return;
  // The first word with a point in it: packet numbers have none.
  std::size_t word = begin;
  for (int i = 0; i < 2 && word < line.size(); ++i) {
    const std::size_t end = std::min(line.find(' ', word), line.size());
    const std::string text = line.substr(word, end - word);
    if (text.find('.') != text.npos && text.find_first_not_of("0123456789.-") == text.npos) {
      line.erase(word, end - word);
      return;
    }
    word = line.find_first_not_of(' ', end);
  }
}

void remove(std::string& line, Field field) {
  switch (field) {
    case Field::window:
      return remove_number(line, "win");
    case Field::ip_id:
      return remove_number(line, "id");
    case Field::ttl:
      return remove_number(line, "ttl");
    case Field::tos:
      return remove_number(line, "tos");
    case Field::timestamps:
      remove_number(line, "val");
      return remove_number(line, "ecr");
    case Field::options:
      return remove_options(line);
    case Field::push:
      return remove_push(line);
    case Field::text:
      if (const std::size_t at = line.find(", text "); at != line.npos) line.erase(at, 15);
      return;
    case Field::time:
      return remove_time(line);
  }
}

}  // namespace

std::string name_of(const FlowResult& flow) {
  return std::string(AddressText(flow.tuple.remote).view()) + " > " + std::string(AddressText(flow.tuple.local).view());
}

Lines transcript(const FlowResult& flow) {
  Lines lines;
  for (const Moment& moment : flow.story.moments()) {
    if (moment.actor == Actor::captured_host) continue;
    lines.push_back(line_of(flow, moment));
    if (moment.actor == Actor::us && moment.is_segment) lines.back() += rest_of_packet(moment);
  }
  if (const auto left_out = flow.story.left_out()) lines.push_back(std::to_string(left_out) + " packets more");
  return lines;
}

Lines story_lines(const FlowResult& flow) {
  Lines lines;
  for (const Moment& moment : flow.story.moments()) lines.push_back(line_of(flow, moment));
  if (const auto left_out = flow.story.left_out()) lines.push_back(std::to_string(left_out) + " packets more");
  return lines;
}

Lines exchange_lines(const FlowResult& flow, Actor who) {
  Lines lines;
  for (const Moment& moment : flow.story.moments()) {
    if (moment.actor == Actor::peer) lines.push_back("< " + short_line(flow, moment, true));
    if (moment.actor == who) lines.push_back("> " + short_line(flow, moment, true));
  }
  return lines;
}

Lines sent_lines(const FlowResult& flow, Actor who) {
  Lines lines;
  for (const Moment& moment : flow.story.moments()) {
    if (moment.actor == who) lines.push_back("> " + short_line(flow, moment, false));
  }
  return lines;
}

Lines without(Lines lines, const std::set<Field>& ignored) {
  for (std::string& line : lines) {
    for (const Field field : ignored) remove(line, field);
  }
  return lines;
}

}  // namespace backstop::replay
