#include <string>

#include "tools/notation/cursor.hpp"
#include "tools/notation/pattern.hpp"

namespace backstop::notation {
namespace {

using wire::Flag;
using wire::IcmpType;
using wire::UnreachableCode;

std::optional<Flag> flag_of(char letter) {
  switch (letter) {
    case 'S':
      return Flag::syn;
    case 'F':
      return Flag::fin;
    case 'R':
      return Flag::rst;
    case 'P':
      return Flag::psh;
    case '.':
      return Flag::ack;
    case 'U':
      return Flag::urg;
    case 'E':
      return Flag::ece;
    case 'W':
      return Flag::cwr;
    default:
      return std::nullopt;
  }
}

wire::Flags parse_flags(Cursor& cursor) {
  static constexpr auto expected = "control bits: letters of SFRP.UEW, or '-' for none";
  const std::size_t begin = cursor.position();
  const std::string_view letters = cursor.word();
  wire::Flags flags;
  if (letters == "-") return flags;
  for (const char letter : letters) {
    const auto flag = flag_of(letter);
    if (!flag || flags.has(*flag)) {
      cursor.fail_at(begin, expected);
      return {};
    }
    flags.set(*flag);
  }
  if (letters.empty()) cursor.fail_at(begin, expected);
  return flags;
}

void parse_range(Cursor& cursor, SegmentPattern& pattern) {
  const std::size_t begin = cursor.position();
  const std::uint32_t from = cursor.sequence_number("a sequence number");
  cursor.require(":");
  const std::uint32_t to = cursor.sequence_number("a sequence number");
  cursor.require("(");
  const auto size = cursor.number<std::uint32_t>("octets of text");
  cursor.require(")");
  if (to - from != size) cursor.fail_at(begin, "a range whose length is the number in parentheses");
  pattern.seq = from;
  pattern.text_size = size;
}

TimestampsPattern parse_timestamps(Cursor& cursor) {
  TimestampsPattern timestamps;
  if (cursor.take("val")) timestamps.value = cursor.number<std::uint32_t>("TSval");
  if (cursor.take("ecr")) timestamps.echo = cursor.number<std::uint32_t>("TSecr");
  return timestamps;
}

void parse_sack(Cursor& cursor, OptionsPattern& options) {
  do {
    if (options.sack.size() == wire::SackBlocks::capacity) return cursor.fail("at most four SACK blocks");
    const std::uint32_t left = cursor.sequence_number("the left edge of a SACK block");
    cursor.require(":");
    const std::uint32_t right = cursor.sequence_number("the right edge of a SACK block");
    options.sack.emplace_back(left, right);
  } while (cursor.at_number());
}

void parse_option(Cursor& cursor, OptionsPattern& options) {
  if (cursor.take("nop") || cursor.take("eol")) return;
  if (cursor.take("mss")) {
    options.mss = cursor.number<std::uint16_t>("the maximum segment size");
  } else if (cursor.take("wscale")) {
    options.window_scale = cursor.number<std::uint8_t>("the window's shift count");
  } else if (cursor.take("sackOK")) {
    options.sack_permitted = true;
  } else if (cursor.take("TS")) {
    options.timestamps = parse_timestamps(cursor);
  } else if (cursor.take("sack")) {
    parse_sack(cursor, options);
  } else {
    cursor.fail("an option: mss, wscale, sackOK, TS, sack, nop or eol");
  }
}

// Behind the opening bracket. Nothing when the list says that any options will do.
std::optional<OptionsPattern> parse_options(Cursor& cursor) {
  if (cursor.take("...")) {
    cursor.require(">");
    return std::nullopt;
  }
  OptionsPattern options;
  if (cursor.take(">")) return options;
  do parse_option(cursor, options);
  while (cursor.take(","));
  if (!cursor.take(">")) cursor.fail("',' or '>'");
  return options;
}

SegmentPattern parse_segment(Cursor& cursor) {
  SegmentPattern pattern;
  pattern.flags = parse_flags(cursor);
  if (cursor.at_number()) parse_range(cursor, pattern);
  if (cursor.take("ack")) {
    if (!pattern.flags.has(Flag::ack)) cursor.fail("no ack number without the control bit '.'");
    pattern.ack = cursor.sequence_number("an acknowledgment number");
  }
  if (cursor.take("win")) pattern.window = cursor.number<std::uint16_t>("the window");
  if (cursor.take("urg")) {
    if (!pattern.flags.has(Flag::urg)) cursor.fail("no urgent pointer without the control bit 'U'");
    pattern.urgent_pointer = cursor.number<std::uint16_t>("the urgent pointer");
  }
  if (cursor.take("<")) pattern.options = parse_options(cursor);
  if (!cursor.at_end()) cursor.fail("sequence numbers, ack, win, urg, <options> in this order, or the end of the line");
  return pattern;
}

std::optional<Ipv4Address> take_address(Cursor& cursor) {
  if (!cursor.at_number()) return std::nullopt;
  const std::size_t begin = cursor.position();
  const auto address = parse_address(cursor.word());
  if (!address) cursor.fail_at(begin, "an IPv4 address");
  return address;
}

void parse_port(Cursor& cursor, IcmpPattern& pattern, std::uint8_t protocol) {
  pattern.code = static_cast<std::uint8_t>(UnreachableCode::port);
  pattern.quoted_protocol = protocol;
  cursor.require("port");
  if (cursor.at_number()) pattern.quoted_port = cursor.number<std::uint16_t>("a port");
}

void parse_unreachable_reason(Cursor& cursor, IcmpPattern& pattern) {
  const auto set = [&](UnreachableCode code) { pattern.code = static_cast<std::uint8_t>(code); };
  if (cursor.take("need to frag")) {
    set(UnreachableCode::fragmentation_needed);
    if (!cursor.take("(")) return;
    cursor.require("mtu");
    pattern.mtu = cursor.number<std::uint16_t>("the next hop's MTU");
    cursor.require(")");
  } else if (cursor.take("source route failed")) {
    set(UnreachableCode::source_route_failed);
  } else if (cursor.take("admin prohibited")) {
    set(UnreachableCode::admin_prohibited);
  } else if (cursor.take("code")) {
    pattern.code = cursor.number<std::uint8_t>("an ICMP code");
  } else {
    cursor.fail("'need to frag', 'source route failed', 'admin prohibited' or 'code N'");
  }
}

// "net N unreachable", "host H unreachable", "[host] H tcp port P unreachable", "H protocol P unreachable" and
// "H unreachable - REASON", where the address may be left out.
void parse_unreachable(Cursor& cursor, IcmpPattern& pattern) {
  pattern.type = IcmpType::destination_unreachable;
  pattern.code = static_cast<std::uint8_t>(UnreachableCode::host);
  if (cursor.take("net")) {
    pattern.code = static_cast<std::uint8_t>(UnreachableCode::net);
  } else {
    cursor.take("host");
  }
  pattern.quoted_destination = take_address(cursor);
  if (cursor.take("tcp")) {
    parse_port(cursor, pattern, wire::protocol_tcp);
  } else if (cursor.take("udp")) {
    parse_port(cursor, pattern, wire::protocol_udp);
  } else if (cursor.take("protocol")) {
    pattern.code = static_cast<std::uint8_t>(UnreachableCode::protocol);
    if (cursor.at_number()) pattern.quoted_protocol = cursor.number<std::uint8_t>("a protocol's number");
  }
  if (!cursor.take("unreachable")) {
    cursor.fail(
        "an ICMP message: echo request, echo reply, ... unreachable, source quench, time exceeded in-transit, "
        "ip reassembly time exceeded, parameter problem or type N");
  }
  if (cursor.take("-")) parse_unreachable_reason(cursor, pattern);
}

void parse_echo_fields(Cursor& cursor, IcmpPattern& pattern) {
  while (cursor.take(",")) {
    if (cursor.take("id")) {
      pattern.id = cursor.number<std::uint16_t>("the echo's identifier");
    } else if (cursor.take("seq")) {
      pattern.number = cursor.number<std::uint16_t>("the echo's sequence number");
    } else if (cursor.take("length")) {
      pattern.length = cursor.number<std::uint32_t>("the message's length");
    } else {
      cursor.fail("id, seq or length");
    }
  }
}

void parse_parameter_problem(Cursor& cursor, IcmpPattern& pattern) {
  pattern.type = IcmpType::parameter_problem;
  if (!cursor.take("-")) return;
  cursor.require("octet");
  pattern.octet = cursor.number<std::uint8_t>("the octet pointed at");
}

void parse_other_type(Cursor& cursor, IcmpPattern& pattern) {
  pattern.type = static_cast<IcmpType>(cursor.number<std::uint8_t>("an ICMP type"));
  cursor.require("code");
  pattern.code = cursor.number<std::uint8_t>("an ICMP code");
}

IcmpPattern parse_icmp(Cursor& cursor) {
  IcmpPattern pattern;
  if (cursor.take("echo request")) {
    parse_echo_fields(cursor, pattern);
  } else if (cursor.take("echo reply")) {
    pattern.type = IcmpType::echo_reply;
    parse_echo_fields(cursor, pattern);
  } else if (cursor.take("source quench")) {
    pattern.type = IcmpType::source_quench;
  } else if (cursor.take("time exceeded in-transit")) {
    pattern.type = IcmpType::time_exceeded;
  } else if (cursor.take("ip reassembly time exceeded")) {
    pattern.type = IcmpType::time_exceeded;
    pattern.code = 1;
  } else if (cursor.take("parameter problem")) {
    parse_parameter_problem(cursor, pattern);
  } else if (cursor.take("type")) {
    parse_other_type(cursor, pattern);
  } else {
    parse_unreachable(cursor, pattern);
  }
  if (cursor.take("[")) {
    cursor.require("seq");
    pattern.quoted_seq = cursor.sequence_number("the quoted sequence number");
    cursor.require("]");
  }
  if (!cursor.at_end()) cursor.fail("[seq N] or the end of the line");
  return pattern;
}

UdpPattern parse_udp(Cursor& cursor) {
  UdpPattern pattern;
  if (cursor.take("length")) pattern.length = cursor.number<std::uint16_t>("the payload's length");
  if (!cursor.at_end()) cursor.fail("'length N' or the end of the line");
  return pattern;
}

void parse_ip_field(Cursor& cursor, IpPattern& ip) {
  if (cursor.take("ttl")) {
    ip.ttl = cursor.number<std::uint8_t>("the time to live");
  } else if (cursor.take("tos")) {
    ip.tos = cursor.number<std::uint8_t>("the type of service");
  } else if (cursor.take("df")) {
    ip.dont_fragment = true;
  } else if (cursor.take("noecn")) {
    ip.ecn = 0;
  } else if (cursor.take("ect1")) {
    ip.ecn = 1;
  } else if (cursor.take("ect0")) {
    ip.ecn = 2;
  } else if (cursor.take("ce")) {
    ip.ecn = 3;
  } else {
    cursor.fail("a field of the IPv4 header: ttl N, tos N, df, noecn, ect0, ect1 or ce");
  }
}

IpPattern parse_ip(Cursor& cursor) {
  IpPattern ip;
  if (!cursor.take("[")) return ip;
  do parse_ip_field(cursor, ip);
  while (cursor.take(","));
  cursor.require("]");
  return ip;
}

}  // namespace

std::expected<Pattern, std::string> parse(std::string_view line) {
  Cursor cursor{line};
  Pattern pattern;
  pattern.ip = parse_ip(cursor);
  if (cursor.take("icmp:")) {
    pattern.payload = parse_icmp(cursor);
  } else if (cursor.take("udp:")) {
    pattern.payload = parse_udp(cursor);
  } else {
    pattern.payload = parse_segment(cursor);
  }
  if (cursor.failed()) return std::unexpected(cursor.error());
  return pattern;
}

}  // namespace backstop::notation
