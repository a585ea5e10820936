#include "tools/page/story_conversation.hpp"

#include <algorithm>
#include <array>

namespace backstop::page {
namespace {

using analysis::Conversation;
using analysis::Record;
using analysis::Side;
using replay::Actor;
using replay::Moment;

// The host is the server unless it was the first to send a SYN.
bool host_is_client(const replay::FlowResult& flow) {
  const auto opens = [](const Moment& moment) {
    return moment.actor != Actor::us && moment.is_segment && moment.segment.syn() && !moment.segment.has_ack();
  };
  const auto& moments = flow.story.moments();
  const auto first = std::ranges::find_if(moments, opens);
  return first != moments.end() && first->actor == Actor::captured_host;
}

Record record_of(const Moment& moment, Side from, analysis::FlowAnalyzer& analyzer) {
  static constexpr std::array<std::byte, wire::max_datagram_size> zeros{};
  Record record;
  record.number = moment.number;
  record.time = moment.time;
  record.from = from;
  record.ip = moment.ip;
  record.is_segment = moment.is_segment;
  record.words = moment.words;
  if (!moment.is_segment) return record;
  record.segment = moment.segment;
  record.text_size = moment.text_size;
  wire::Segment with_text = moment.segment;
  with_text.text = Bytes(zeros).first(moment.text_size);
  record.finding = analyzer.see(from, with_text, moment.number, moment.time);
  record.place = analyzer.place();
  record.window = analyzer.window(from);
  return record;
}

}  // namespace

Conversation conversation_of(const replay::FlowResult& flow, Actor host) {
  const Side host_side = host_is_client(flow) ? Side::client : Side::server;
  const bool is_server = host_side == Side::server;
  Conversation conversation;
  conversation.number = flow.number;
  conversation.client = is_server ? flow.tuple.remote : flow.tuple.local;
  conversation.server = is_server ? flow.tuple.local : flow.tuple.remote;
  analysis::FlowAnalyzer analyzer;
  for (const Moment& moment : flow.story.moments()) {
    if (moment.actor != Actor::peer && moment.actor != host) continue;
    const Side from = moment.actor == host ? host_side : other(host_side);
    conversation.records.push_back(record_of(moment, from, analyzer));
  }
  conversation.client_isn = analyzer.isn(Side::client);
  conversation.server_isn = analyzer.isn(Side::server);
  return conversation;
}

}  // namespace backstop::page
