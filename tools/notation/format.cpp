#include "tools/notation/format.hpp"

#include <array>
#include <utility>

namespace backstop::notation {
namespace {

using wire::Flag;
using wire::IcmpMessage;
using wire::IcmpType;
using wire::UnreachableCode;

constexpr std::array<std::pair<Flag, char>, 8> letters{{{Flag::syn, 'S'},
                                                        {Flag::fin, 'F'},
                                                        {Flag::rst, 'R'},
                                                        {Flag::psh, 'P'},
                                                        {Flag::ack, '.'},
                                                        {Flag::urg, 'U'},
                                                        {Flag::ece, 'E'},
                                                        {Flag::cwr, 'W'}}};

std::string format_number(std::uint32_t number) {
  // Why: old duplicates lie shortly before the ISN, and -10 says so where 4294967286 does not.
  constexpr std::uint32_t behind = 1u << 24;
  if (number > 0u - behind) return "-" + std::to_string(0u - number);
  return std::to_string(number);
}

std::string text(Ipv4Address address) { return std::string(AddressText(address).view()); }

// Who an ICMP error is about: the destination of the packet that it quotes.
struct Quoted {
  std::string address;
  std::uint8_t protocol = 0;
  std::uint16_t port = 0;
};

Quoted read_quoted(Bytes quotation) {
  if (quotation.size() < wire::ipv4_header_size) return {};
  Quoted quoted{text({wire::load32(quotation, 16)}), wire::load8(quotation, 9), 0};
  const std::size_t header_size = (wire::load8(quotation, 0) & 0xfu) * 4u;
  if (quotation.size() >= header_size + 4) quoted.port = wire::load16(quotation, header_size + 2);
  return quoted;
}

std::string protocol_name(std::uint8_t protocol) {
  if (protocol == wire::protocol_tcp) return "tcp";
  if (protocol == wire::protocol_udp) return "udp";
  return "protocol " + std::to_string(protocol);
}

std::string format_unreachable(const IcmpMessage& message) {
  const Quoted quoted = read_quoted(message.payload);
  const std::string host = quoted.address.empty() ? "" : quoted.address + " ";
  switch (static_cast<UnreachableCode>(message.code)) {
    case UnreachableCode::net:
      return "net " + host + "unreachable";
    case UnreachableCode::host:
      return "host " + host + "unreachable";
    case UnreachableCode::protocol:
      return host + "protocol " + std::to_string(quoted.protocol) + " unreachable";
    case UnreachableCode::port:
      return host + protocol_name(quoted.protocol) + " port " + std::to_string(quoted.port) + " unreachable";
    case UnreachableCode::fragmentation_needed:
      return host + "unreachable - need to frag (mtu " + std::to_string(message.rest & 0xffff) + ")";
    case UnreachableCode::source_route_failed:
      return host + "unreachable - source route failed";
    case UnreachableCode::admin_prohibited:
      return "host " + host + "unreachable - admin prohibited";
  }
  return host + "unreachable - code " + std::to_string(message.code);
}

std::string format_echo(const IcmpMessage& message, const char* name) {
  return std::string(name) + ", id " + std::to_string(message.rest >> 16) + ", seq " +
         std::to_string(message.rest & 0xffff) + ", length " +
         std::to_string(wire::icmp_header_size + message.payload.size());
}

std::string format_body(const IcmpMessage& message) {
  switch (message.type) {
    case IcmpType::echo_request:
      return format_echo(message, "echo request");
    case IcmpType::echo_reply:
      return format_echo(message, "echo reply");
    case IcmpType::destination_unreachable:
      return format_unreachable(message);
    case IcmpType::source_quench:
      return "source quench";
    case IcmpType::time_exceeded:
      return message.code == 0 ? "time exceeded in-transit" : "ip reassembly time exceeded";
    case IcmpType::parameter_problem:
      return "parameter problem - octet " + std::to_string(message.rest >> 24);
  }
  return "type " + std::to_string(static_cast<unsigned>(message.type)) + " code " + std::to_string(message.code);
}

bool quotes_a_packet(IcmpType type) {
  return type == IcmpType::destination_unreachable || type == IcmpType::source_quench ||
         type == IcmpType::time_exceeded || type == IcmpType::parameter_problem;
}

}  // namespace

bool is_zero_by_rule(const wire::Segment& segment) {
  return segment.rst() && segment.has_ack() && segment.seq.value() == 0;
}

std::uint32_t relative_seq(const wire::Segment& segment, Relative relative) {
  return is_zero_by_rule(segment) && segment.seq < relative.isn ? 0 : segment.seq - relative.isn;
}

std::uint32_t relative_ack(const wire::Segment& segment, Relative relative) { return segment.ack - relative.peer_isn; }

std::string format(wire::Flags flags) {
  std::string written;
  for (const auto& [flag, letter] : letters) {
    if (flags.has(flag)) written += letter;
  }
  return written.empty() ? "-" : written;
}

std::string format_range(std::uint32_t from, std::size_t text_size) {
  const auto to = from + static_cast<std::uint32_t>(text_size);
  return format_number(from) + ":" + format_number(to) + "(" + std::to_string(text_size) + ")";
}

std::string format(const wire::TcpOptions& options, SeqNum sack_origin) {
  std::string list;
  const auto add = [&](const std::string& option) { list += (list.empty() ? "" : ",") + option; };
  if (options.mss) add("mss " + std::to_string(*options.mss));
  if (options.sack_permitted) add(options.timestamps ? "sackOK" : "nop,nop,sackOK");
  if (options.timestamps) {
    if (!options.sack_permitted) add("nop,nop");
    add("TS val " + std::to_string(options.timestamps->value) + " ecr " + std::to_string(options.timestamps->echo));
  }
  if (options.window_scale) add("nop,wscale " + std::to_string(*options.window_scale));
  if (!options.sack.empty()) {
    add("nop,nop,sack");
    for (const wire::SackBlock& block : options.sack) {
      list += " " + format_number(block.left - sack_origin) + ":" + format_number(block.right - sack_origin);
    }
  }
  return list.empty() ? list : "<" + list + ">";
}

std::string format(const wire::Segment& segment, Relative relative) {
  std::string line = format(segment.flags);
  if (line.size() < 2) line += ' ';
  line += " " + format_range(relative_seq(segment, relative), segment.text.size());
  if (segment.has_ack()) line += " ack " + format_number(relative_ack(segment, relative));
  line += " win " + std::to_string(segment.window);
  if (segment.urg()) line += " urg " + std::to_string(segment.urgent_pointer);
  const std::string options = format(segment.options, relative.peer_isn);
  return options.empty() ? line : line + " " + options;
}

std::string format(const wire::IcmpMessage& message, SeqNum quoted_isn) {
  std::string line = "icmp: " + format_body(message);
  if (quotes_a_packet(message.type)) {
    if (const auto quoted = wire::parse_quoted_segment(message.payload)) {
      line += " [seq " + format_number(quoted->seq - quoted_isn) + "]";
    }
  }
  return line;
}

}  // namespace backstop::notation
