#include "tests/replay/conversation.hpp"

#include <algorithm>

namespace backstop::test {

using wire::Flag;

Conversation::Conversation(std::uint16_t client_port, Duration start)
    : client_{{Ipv4Address::of(10, 0, 0, 1), client_port},
              SeqNum(0xffff'fff0) + static_cast<std::uint32_t>(start / std::chrono::milliseconds(1))},
      server_{{Ipv4Address::of(10, 0, 0, 2), 80}, SeqNum(0x1234'5678)},
      now_(start) {}

Conversation& Conversation::client(wire::Flags flags, const std::string& text) {
  return send(client_, server_, flags, text);
}

Conversation& Conversation::server(wire::Flags flags, const std::string& text) {
  return send(server_, client_, flags, text);
}

Conversation& Conversation::open() { return client(Flag::syn).server(Flag::syn | Flag::ack).client(Flag::ack); }

Conversation& Conversation::talk(const std::string& request, const std::string& response) {
  client(Flag::psh | Flag::ack, request).server(Flag::ack);
  return server(Flag::psh | Flag::ack, response).client(Flag::ack);
}

Conversation& Conversation::close() {
  return client(Flag::fin | Flag::ack).server(Flag::fin | Flag::ack).client(Flag::ack);
}

Conversation& Conversation::pause(Duration time) {
  now_ += time;
  return *this;
}

Conversation& Conversation::send(Side& from, Side& to, wire::Flags flags, const std::string& text) {
  PacketFields fields{.tuple = {from.endpoint, to.endpoint}, .segment = {}, .text = text};
  fields.segment.flags = flags;
  fields.segment.seq = from.next;
  if (fields.segment.has_ack()) fields.segment.ack = to.next;
  fields.segment.window = 65'535;
  packets_.push_back({now_, make_packet(fields)});
  from.next =
      from.next + static_cast<std::uint32_t>(text.size()) + (fields.segment.syn() || fields.segment.fin() ? 1u : 0u);
  now_ += std::chrono::microseconds(100);
  return *this;
}

Conversation whole_conversation(std::uint16_t client_port, Duration start) {
  Conversation conversation(client_port, start);
  conversation.open().talk("question", "answer").close();
  return conversation;
}

Octets file_of(const std::vector<Conversation>& conversations) {
  std::vector<Conversation::Captured> all;
  for (const Conversation& conversation : conversations) {
    all.insert(all.end(), conversation.packets().begin(), conversation.packets().end());
  }
  std::ranges::stable_sort(all, {}, &Conversation::Captured::time);
  PcapFile file({.nanoseconds = true});
  for (const auto& [time, packet] : all) file.add(packet, time);
  return file.octets();
}

Octets file_of(const Conversation& conversation) { return file_of(std::vector{conversation}); }

}  // namespace backstop::test
