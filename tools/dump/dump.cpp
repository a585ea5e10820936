#include "tools/dump/dump.hpp"

#include <array>
#include <cstdio>
#include <ctime>
#include <ostream>
#include <vector>

#include "tools/analysis/flow_table.hpp"
#include "tools/capture/uncomputed_checksum.hpp"
#include "tools/json.hpp"
#include "tools/notation/transcript.hpp"

namespace backstop::dump {
namespace {

using analysis::Side;
using analysis::Sighting;
using capture::Packet;
using tools::JsonObject;

std::string date_and_time(Instant time) {
  const auto since_epoch = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const std::time_t whole = seconds.count();
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return std::string(text.data(), size) + notation::format(since_epoch - seconds).substr(1);
}

// Kinds that the stack does not use, by number: "md5", "mptcp", "tfo", else the number.
std::string kind_of_option(std::uint8_t kind) {
  switch (kind) {
    case 19:
      return "md5";
    case 29:
      return "tcp-ao";
    case 30:
      return "mptcp";
    case 34:
      return "tfo";
    default:
      return "option " + std::to_string(kind);
  }
}

// The options of a TCP header that the notation has no word for.
std::vector<std::string> other_options(Bytes tcp) {
  constexpr std::uint8_t end_of_list = 0;
  constexpr std::uint8_t no_operation = 1;
  constexpr std::uint32_t known = 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 8;
  std::vector<std::string> found;
  Bytes options = tcp.first((wire::load8(tcp, 12) >> 4) * std::size_t{4}).subspan(wire::tcp_header_size);
  while (!options.empty() && wire::load8(options, 0) != end_of_list) {
    const std::uint8_t kind = wire::load8(options, 0);
    if (kind == no_operation) {
      options = options.subspan(1);
      continue;
    }
    const std::size_t size = options.size() < 2 ? 0 : wire::load8(options, 1);
    if (size < 2 || size > options.size()) {
      found.emplace_back("malformed options");
      break;
    }
    const bool is_known = kind < 32 && (known >> kind & 1u) != 0;
    if (!is_known) found.push_back(kind_of_option(kind) + ", " + std::to_string(size) + " octets");
    options = options.subspan(size);
  }
  return found;
}

class Dumper {
 public:
  Dumper(const DumpOptions& options, std::ostream& out) : options_(options), out_(out) {}

  void take(const Packet& packet) {
    if (first_ == never) first_ = before_ = packet.time;
    const Sighting sighting = table_.see(packet);
    if (sighting.flow != nullptr) learn_origins(*sighting.flow);
    if (!options_.only.empty() && !(sighting.flow != nullptr && options_.only.contains(sighting.flow->number))) return;
    out_ << (options_.json ? json(packet, sighting) : line(packet, sighting)) << '\n';
    before_ = packet.time;
  }

 private:
  void learn_origins(const analysis::Flow& flow) {
    if (options_.absolute_numbers) return;
    origins_.pin(flow.client, flow.server, flow.analyzer.isn(Side::client));
    origins_.pin(flow.server, flow.client, flow.analyzer.isn(Side::server));
  }

  [[nodiscard]] std::string time_of(const Packet& packet) const {
    switch (options_.time) {
      case TimeFormat::relative:
        return notation::format(packet.time - first_);
      case TimeFormat::delta:
        return notation::format(packet.time - before_);
      case TimeFormat::absolute:
        break;
    }
    return date_and_time(packet.time);
  }

  [[nodiscard]] std::string words(const Packet& packet, bool addresses) const {
    return notation::describe({packet.ip.whole, {.checksum_partial = true}}, origins_, addresses);
  }

  [[nodiscard]] static std::vector<std::string> remarks(const Packet& packet, const Sighting& sighting) {
    std::vector<std::string> remarks;
    if (packet.put_together) remarks.emplace_back("put together from fragments");
    if (packet.missing > 0) remarks.push_back(std::to_string(packet.missing) + " octets not captured");
    if (packet.header_checksum_wrong) remarks.emplace_back("ip checksum wrong");
    if (!sighting.segment) return remarks;
    if (sighting.checksum_wrong) {
      remarks.emplace_back("tcp checksum wrong");
    } else if (packet.missing == 0 && !wire::parse_segment(packet.ip)) {
      remarks.emplace_back("tcp checksum not computed");
    }
    for (std::string& option : other_options(packet.ip.payload)) remarks.push_back(std::move(option));
    return remarks;
  }

  [[nodiscard]] std::string line(const Packet& packet, const Sighting& sighting) const {
    constexpr std::size_t number_width = 5;
    std::string number = std::to_string(packet.number);
    if (number.size() < number_width) number.insert(0, number_width - number.size(), ' ');
    std::string text = number + " " + time_of(packet) + " " + words(packet, true);
    for (const std::string& remark : remarks(packet, sighting)) text += " (" + remark + ")";
    if (options_.marks && !sighting.finding.marks.empty()) text += " [" + to_string(sighting.finding) + "]";
    return text;
  }

  [[nodiscard]] std::string json(const Packet& packet, const Sighting& sighting) const {
    const wire::Ipv4Header& ip = packet.ip.header;
    JsonObject object;
    object.add("number", packet.number);
    object.add_seconds("time", packet.time.time_since_epoch().count());
    if (sighting.flow != nullptr) {
      object.add("flow", sighting.flow->number).add("from", sighting.from == Side::client ? "client" : "server");
    }
    object.add("source", AddressText(ip.source).view()).add("destination", AddressText(ip.destination).view());
    object.add("protocol", ip.protocol).add("id", ip.id).add("ttl", ip.ttl).add("tos", ip.tos);
    if (sighting.segment) add_segment(object, *sighting.segment, sighting);
    object.add("line", words(packet, false));
    if (!sighting.finding.marks.empty()) object.add("marks", to_string(sighting.finding));
    std::string all;
    for (const std::string& remark : remarks(packet, sighting)) all += (all.empty() ? "" : ", ") + remark;
    if (!all.empty()) object.add("remarks", all);
    return object.text();
  }

  void add_segment(JsonObject& object, const wire::Segment& segment, const Sighting& sighting) const {
    const notation::Relative relative =
        options_.absolute_numbers ? notation::Relative{} : sighting.flow->relative(sighting.from);
    object.add("source_port", segment.source_port).add("destination_port", segment.destination_port);
    object.add("flags", notation::format(segment.flags)).add("seq", notation::relative_seq(segment, relative));
    object.add("text", segment.text.size());
    if (segment.has_ack()) object.add("ack", notation::relative_ack(segment, relative));
    object.add("window", sighting.checksum_wrong ? segment.window : sighting.flow->analyzer.window(sighting.from));
    std::vector<JsonObject> blocks;
    for (const wire::SackBlock& block : segment.options.sack) {
      blocks.push_back(
          JsonObject().add("left", block.left - relative.peer_isn).add("right", block.right - relative.peer_isn));
    }
    if (!blocks.empty()) object.add("sack", blocks);
  }

  const DumpOptions& options_;
  std::ostream& out_;
  analysis::FlowTable table_;
  notation::Origins origins_;
  Instant first_ = never;
  Instant before_{};
};

}  // namespace

capture::CaptureCounts dump_capture(const std::string& path, const DumpOptions& options, std::ostream& out) {
  capture::PacketReader reader(path, capture::Filter(options.filter), capture::Fragments::shown_as_well);
  Dumper dumper(options, out);
  while (const auto packet = reader.next()) dumper.take(*packet);
  return reader.counts();
}

std::string left_out(const capture::CaptureCounts& counts) {
  std::string text;
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count > 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + what;
  };
  add(counts.ipv6, "IPv6");
  add(counts.not_ip, "not IP");
  add(counts.malformed, "malformed");
  return text;
}

}  // namespace backstop::dump
