#include "tools/notation/transcript.hpp"

#include <array>
#include <cstdio>

namespace backstop::notation {
namespace {

std::string address_prefix(const std::string_view source, std::string_view destination) {
  return std::string(source) + " > " + std::string(destination) + ": ";
}

std::string address_prefix(const wire::Ipv4Header& ip) {
  return address_prefix(AddressText(ip.source).view(), AddressText(ip.destination).view());
}

std::string describe_segment(const wire::Ipv4Datagram& datagram, Offload offload, const Origins& origins,
                             bool addresses) {
  const auto segment = wire::parse_segment(datagram, offload);
  if (!segment) {
    const std::string prefix = addresses ? address_prefix(datagram.header) : "";
    return prefix + "tcp: " + std::string(to_string(segment.error()));
  }
  const Endpoint source{datagram.header.source, segment->source_port};
  const Endpoint destination{datagram.header.destination, segment->destination_port};
  const std::string line = format(*segment, origins.of(source, destination));
  if (!addresses) return line;
  return address_prefix(AddressText(source).view(), AddressText(destination).view()) + line;
}

std::string describe_icmp(const wire::Ipv4Datagram& datagram, const Origins& origins) {
  const auto message = wire::parse_icmp(datagram.payload);
  if (!message) return "icmp: " + std::string(to_string(message.error()));
  const auto quoted = wire::parse_quoted_segment(message->payload);
  const SeqNum isn = quoted ? origins.of(quoted->tuple.local, quoted->tuple.remote).isn : SeqNum{};
  return format(*message, isn);
}

// tcpdump's "frag ID:SIZE@OFFSET", with a '+' when more follow.
std::string describe_fragment(const wire::Ipv4Datagram& datagram) {
  const wire::Ipv4Header& ip = datagram.header;
  return "ip: frag " + std::to_string(ip.id) + ":" + std::to_string(datagram.payload.size()) + "@" +
         std::to_string(ip.fragment_offset) + (ip.more_fragments ? "+" : "");
}

std::string describe_udp(const wire::Ipv4Datagram& datagram) {
  constexpr std::size_t udp_header_size = 8;
  if (datagram.payload.size() < udp_header_size) return "udp: " + std::string(to_string(Drop::udp_truncated));
  return "udp: length " + std::to_string(datagram.payload.size() - udp_header_size);
}

std::string describe_other(const wire::Ipv4Datagram& datagram, const Origins& origins) {
  if (datagram.header.is_fragment()) return describe_fragment(datagram);
  if (datagram.header.protocol == wire::protocol_icmp) return describe_icmp(datagram, origins);
  if (datagram.header.protocol == wire::protocol_udp) return describe_udp(datagram);
  return "ip: protocol " + std::to_string(datagram.header.protocol) + ", length " +
         std::to_string(datagram.payload.size());
}

std::string describe_ecn(std::uint8_t tos) {
  static constexpr std::array<const char*, 4> marks{"", "[ect1] ", "[ect0] ", "[ce] "};
  return marks[tos & 3];
}

}  // namespace

std::string describe(const InboundPacket& packet, const Origins& origins, bool addresses) {
  const auto datagram = wire::parse_ipv4(packet.bytes);
  if (!datagram) return "ip: " + std::string(to_string(datagram.error()));
  const wire::Ipv4Header& ip = datagram->header;
  if (ip.protocol == wire::protocol_tcp && !ip.is_fragment()) {
    return describe_ecn(ip.tos) + describe_segment(*datagram, packet.offload, origins, addresses);
  }
  const std::string line = describe_other(*datagram, origins);
  return addresses ? address_prefix(ip) + line : line;
}

std::string format(Duration time) {
  std::array<char, 32> text{};
  const auto microseconds = std::chrono::floor<std::chrono::microseconds>(time).count();
  const int size =
      std::snprintf(text.data(), text.size(), "%lld.%06lld", static_cast<long long>(microseconds / 1'000'000),
                    static_cast<long long>(microseconds % 1'000'000));
  return {text.data(), static_cast<std::size_t>(size)};
}

const std::string& Transcript::packet(Direction direction, const InboundPacket& packet, Instant now,
                                      std::string_view remark) {
  if (const auto datagram = wire::parse_ipv4(packet.bytes);
      datagram && !datagram->header.is_fragment() && datagram->header.protocol == wire::protocol_tcp) {
    if (const auto segment = wire::parse_segment(*datagram, packet.offload)) {
      origins_.learn(datagram->header.source, datagram->header.destination, *segment);
    }
  }
  std::string line = describe(packet, origins_, options_.addresses);
  if (!remark.empty()) line += "  (" + std::string(remark) + ")";
  return add(static_cast<char>(direction), line, now);
}

std::string Transcript::text() const {
  std::string all;
  if (let_go_ > 0) all = "(" + std::to_string(let_go_) + " lines before)\n";
  for (const std::string& line : lines_) all += line + "\n";
  return all;
}

const std::string& Transcript::add(char mark, std::string_view text, Instant now) {
  if (options_.last_lines > 0 && lines_.size() == options_.last_lines) {
    lines_.pop_front();
    ++let_go_;
  }
  return lines_.emplace_back(format(now - start_) + " " + mark + " " + std::string(text));
}

}  // namespace backstop::notation
