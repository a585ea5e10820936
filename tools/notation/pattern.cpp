#include "tools/notation/pattern.hpp"

namespace backstop::notation {
namespace {

// Collects the fields that differ.
class Comparison {
 public:
  void text(const char* field, const std::string& expected, const std::string& got) {
    if (expected != got) {
      differences_.push_back(std::string(field) + ": expected " + (expected.empty() ? "none" : expected) + ", got " +
                             (got.empty() ? "none" : got));
    }
  }
  template <class T>
  void number(const char* field, const std::optional<T>& expected, T got) {
    if (expected) text(field, std::to_string(*expected), std::to_string(got));
  }
  [[nodiscard]] std::vector<std::string> take() && { return std::move(differences_); }

 private:
  std::vector<std::string> differences_;
};

wire::TcpOptions to_options(const OptionsPattern& pattern, SeqNum sack_origin) {
  wire::TcpOptions options{.mss = pattern.mss,
                           .window_scale = pattern.window_scale,
                           .sack_permitted = pattern.sack_permitted,
                           .timestamps = {},
                           .sack = {}};
  if (pattern.timestamps) {
    options.timestamps = {pattern.timestamps->value.value_or(0), pattern.timestamps->echo.value_or(0)};
  }
  for (const auto& [left, right] : pattern.sack) options.sack.push_back({sack_origin + left, sack_origin + right});
  return options;
}

// Fills in what "TS" leaves open with what came, so that the rest can be compared as one.
OptionsPattern with_open_values(OptionsPattern pattern, const wire::TcpOptions& got) {
  if (pattern.timestamps && got.timestamps) {
    if (!pattern.timestamps->value) pattern.timestamps->value = got.timestamps->value;
    if (!pattern.timestamps->echo) pattern.timestamps->echo = got.timestamps->echo;
  }
  return pattern;
}

bool is_echo(const wire::IcmpMessage& message) {
  return message.type == wire::IcmpType::echo_request || message.type == wire::IcmpType::echo_reply;
}

void compare_quotation(Comparison& compare, const IcmpPattern& pattern, Bytes quotation, SeqNum quoted_isn) {
  if (quotation.size() < wire::ipv4_header_size) {
    if (pattern.quoted_destination || pattern.quoted_protocol) compare.text("quotation", "a packet", "none");
    return;
  }
  if (pattern.quoted_destination) {
    compare.text("quoted destination", std::string(AddressText(*pattern.quoted_destination).view()),
                 std::string(AddressText(Ipv4Address{wire::load32(quotation, 16)}).view()));
  }
  compare.number("quoted protocol", pattern.quoted_protocol, wire::load8(quotation, 9));
  const std::size_t header_size = (wire::load8(quotation, 0) & 0xfu) * 4u;
  if (pattern.quoted_port && quotation.size() >= header_size + 4) {
    compare.number("quoted port", pattern.quoted_port, wire::load16(quotation, header_size + 2));
  }
  if (pattern.quoted_seq) {
    const auto quoted = wire::parse_quoted_segment(quotation);
    compare.text("quoted seq", std::to_string(*pattern.quoted_seq),
                 quoted ? std::to_string(quoted->seq - quoted_isn) : "");
  }
}

}  // namespace

std::vector<std::string> differences(const SegmentPattern& pattern, const wire::Segment& segment, Relative relative) {
  Comparison compare;
  compare.text("control bits", format(pattern.flags), format(segment.flags));
  const bool zero_by_rule = is_zero_by_rule(segment) && pattern.seq == 0u;
  if (pattern.seq && !zero_by_rule) {
    compare.text("seq", format_range(*pattern.seq, pattern.text_size.value_or(0)),
                 format_range(relative_seq(segment, relative), segment.text.size()));
  }
  if (segment.has_ack()) compare.number("ack", pattern.ack, relative_ack(segment, relative));
  compare.number("win", pattern.window, segment.window);
  compare.number("urg", pattern.urgent_pointer, segment.urgent_pointer);
  if (pattern.options) {
    const auto expected = to_options(with_open_values(*pattern.options, segment.options), relative.peer_isn);
    compare.text("options", format(expected, relative.peer_isn), format(segment.options, relative.peer_isn));
  }
  return std::move(compare).take();
}

std::vector<std::string> differences(const IcmpPattern& pattern, const wire::IcmpMessage& message, SeqNum quoted_isn) {
  Comparison compare;
  compare.number("type", std::optional{static_cast<unsigned>(pattern.type)}, static_cast<unsigned>(message.type));
  compare.number("code", std::optional{unsigned{pattern.code}}, unsigned{message.code});
  if (is_echo(message)) {
    compare.number("id", pattern.id, static_cast<std::uint16_t>(message.rest >> 16));
    compare.number("seq", pattern.number, static_cast<std::uint16_t>(message.rest & 0xffff));
    compare.number("length", pattern.length,
                   static_cast<std::uint32_t>(wire::icmp_header_size + message.payload.size()));
    return std::move(compare).take();
  }
  compare.number("mtu", pattern.mtu, static_cast<std::uint16_t>(message.rest & 0xffff));
  compare.number("octet", pattern.octet, static_cast<std::uint8_t>(message.rest >> 24));
  compare_quotation(compare, pattern, message.payload, quoted_isn);
  return std::move(compare).take();
}

std::vector<std::string> differences(const IpPattern& pattern, const wire::Ipv4Header& header) {
  static constexpr const char* ecn_names[] = {"noecn", "ect1", "ect0", "ce"};
  Comparison compare;
  compare.number("ttl", pattern.ttl, header.ttl);
  compare.number("tos", pattern.tos, header.tos);
  if (pattern.ecn) compare.text("ecn", ecn_names[*pattern.ecn & 3], ecn_names[header.tos & 3]);
  if (pattern.dont_fragment) compare.text("df", "set", header.dont_fragment ? "set" : "clear");
  return std::move(compare).take();
}

wire::Segment to_segment(const SegmentPattern& pattern, Relative relative) {
  wire::Segment segment;
  segment.flags = pattern.flags;
  segment.seq = relative.isn + pattern.seq.value_or(0);
  segment.ack = relative.peer_isn + pattern.ack.value_or(0);
  segment.window = pattern.window.value_or(0);
  segment.urgent_pointer = pattern.urgent_pointer.value_or(0);
  if (pattern.options) segment.options = to_options(*pattern.options, relative.peer_isn);
  return segment;
}

}  // namespace backstop::notation
