#include "tools/analysis/conversation.hpp"

#include <unordered_map>

#include "tools/notation/transcript.hpp"

namespace backstop::analysis {
namespace {

notation::Origins origins_of(const Flow& flow) {
  notation::Origins origins;
  origins.pin(flow.client, flow.server, flow.analyzer.isn(Side::client));
  origins.pin(flow.server, flow.client, flow.analyzer.isn(Side::server));
  return origins;
}

Record record_of(const capture::Packet& packet, const Sighting& sighting) {
  Record record;
  record.number = packet.number;
  record.time = packet.time;
  record.from = sighting.from;
  record.ip = packet.ip.header;
  record.checksum_wrong = sighting.checksum_wrong;
  record.is_segment = sighting.segment.has_value();
  if (!sighting.segment) {
    record.words = notation::describe({packet.ip.whole, {}}, origins_of(*sighting.flow));
    return record;
  }
  record.segment = *sighting.segment;
  record.segment.text = {};
  record.text_size = static_cast<std::uint32_t>(sighting.segment->text.size());
  record.place = sighting.place;
  record.window = sighting.flow->analyzer.window(sighting.from);
  record.finding = sighting.finding;
  return record;
}

}  // namespace

std::string name_of(const Conversation& conversation) {
  return std::string(AddressText(conversation.client).view()) + " > " +
         std::string(AddressText(conversation.server).view());
}

std::vector<Conversation> read_conversations(const std::string& path, const std::string& filter,
                                             const std::set<std::uint32_t>& only) {
  capture::PacketReader reader(path, capture::Filter(filter));
  FlowTable table;
  std::vector<Conversation> conversations;
  std::unordered_map<std::uint32_t, std::size_t> places;
  while (const auto packet = reader.next()) {
    const Sighting sighting = table.see(*packet);
    if (sighting.flow == nullptr) continue;
    const Flow& flow = *sighting.flow;
    if (!only.empty() && !only.contains(flow.number)) continue;
    const auto [place, is_new] = places.try_emplace(flow.number, conversations.size());
    if (is_new) conversations.push_back({.number = flow.number, .client = flow.client, .server = flow.server});
    Conversation& conversation = conversations[place->second];
    conversation.client_isn = flow.analyzer.isn(Side::client);
    conversation.server_isn = flow.analyzer.isn(Side::server);
    conversation.records.push_back(record_of(*packet, sighting));
  }
  return conversations;
}

}  // namespace backstop::analysis
