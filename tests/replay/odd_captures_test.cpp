// Captures as people bring them: of every kind, damaged, begun too late, of many flows.
#include <algorithm>

#include "tests/replay/conversation.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/command_line.hpp"

using namespace backstop;
using namespace backstop::test;
using namespace std::chrono_literals;
using wire::Flag;

namespace {

// What is said about the one capture, without its path.
std::string verdict_on(Bytes file, const std::vector<std::string>& options = {}) {
  const TemporaryFile capture(file);
  std::vector<std::string> arguments = options;
  arguments.push_back(capture.path());
  const std::string out = replay_command(arguments).out;
  REQUIRE(out.starts_with(capture.path() + ": "));
  return out.substr(capture.path().size() + 2);
}

constexpr const char* same = "1 flow: same\n";
constexpr const char* no_syn = "    its SYN is not in the capture\n";

bool ends_with(const std::string& text, std::string_view end) { return text.ends_with(end); }

}  // namespace

TEST_CASE("odd captures: any byte order, resolution, link type and compression holds the same conversation", "[odd]") {
  struct Link {
    std::uint32_t type;
    const char* header;
  };
  const auto& [type, header] = GENERATE(values<Link>({
      {101, ""},
      {0, "00000002"},
      {1, "020000000002 020000000001 88a8 0005 8100 0006 8864 1100 0001 0030 0021"},
      {113, "0000 0001 0006 020000000001 0000 0800"},
      {276, "0800 0000 00000001 0001 00 06 020000000001 0000"},
      {9, "ff03 0021"},
  }));
  CAPTURE(type);
  const bool big_endian = GENERATE(false, true);
  PcapFile file({.big_endian = big_endian, .nanoseconds = !big_endian, .link_type = type});
  for (const auto& [time, packet] : whole_conversation().packets()) file.add(from_hex(header) + packet, time);
  CHECK(verdict_on(file.octets()) == same);
  CHECK(verdict_on(gzipped(file.octets())) == same);
}

TEST_CASE("odd captures: both directions on interfaces of their own, of different kinds", "[odd]") {
  PcapngFile file;
  file.interface(101, 0).interface(1, 0);
  for (const auto& [time, packet] : whole_conversation().packets()) {
    const bool from_client = packet[15] == std::byte{1};
    const auto microseconds = static_cast<std::uint64_t>(time / 1us);
    const Octets ethernet = from_hex("020000000002 020000000001 0800");
    file.packet(from_client ? 0 : 1, microseconds, from_client ? packet : ethernet + packet);
  }
  CHECK(verdict_on(file.octets()) == same);
}

TEST_CASE("odd captures: nothing in it, or only its beginning", "[odd]") {
  CHECK(verdict_on(PcapFile().octets()) == "0 flows\n");
  CHECK(ends_with(verdict_on(Octets{}), ": empty\n"));
  const Octets whole = file_of(whole_conversation());
  CHECK(verdict_on(Bytes(whole).first(whole.size() - 7)) == "1 flow: same (packets: the file ends inside a packet)\n");
  const Octets compressed = gzipped(whole);
  CHECK(
      verdict_on(Bytes(compressed).first(compressed.size() - 12)).starts_with("1 flow: same (packets: the file ends"));
}

TEST_CASE("odd captures: begun in the middle of a connection, or of its handshake", "[odd]") {
  Conversation middle;
  middle.client(Flag::ack, "text").server(Flag::ack);
  CHECK(ends_with(verdict_on(file_of(middle)), no_syn));
  Conversation no_first_syn;
  no_first_syn.server(Flag::syn | Flag::ack).client(Flag::ack).client(Flag::ack, "text").server(Flag::ack);
  CHECK(ends_with(verdict_on(file_of(no_first_syn)), no_syn));
  Conversation one_side = whole_conversation();
  std::erase_if(one_side.packets(), [](const auto& captured) { return captured.packet[15] != std::byte{1}; });
  CHECK(ends_with(verdict_on(file_of(one_side)), "    the host's segments are not in the capture\n"));
}

TEST_CASE("odd captures: a handshake that is split cannot be replayed", "[odd]") {
  Conversation split;
  split.client(Flag::syn).server(Flag::syn).client(Flag::syn | Flag::ack).server(Flag::ack);
  CHECK(ends_with(verdict_on(file_of(split)), "    split handshake: the host answered a SYN with a SYN\n"));
}

TEST_CASE("odd captures: both sides open at once, and it is one connection", "[odd]") {
  Conversation both;
  both.client(Flag::syn).server(Flag::syn);
  both.packets()[1].time = both.packets()[0].time + 10us;
  CHECK(verdict_on(file_of(both), {"--list", "--local", "client"}).starts_with("1 flow\n"));
}

TEST_CASE("odd captures: text that the snapshot length cut off is named", "[odd]") {
  Conversation conversation;
  conversation.open().talk(std::string(500, 'x'), "answer").close();
  PcapFile file({.nanoseconds = true, .snapshot_length = 96});
  for (const auto& [time, packet] : conversation.packets()) file.add(packet, time);
  const std::string verdict = verdict_on(file.octets());
  CHECK(verdict.starts_with("1 flow: not replayable (packets: 1 cut by the snapshot length)\n"));
  CHECK(ends_with(verdict, "    packet 4 is cut by the snapshot length, and what is missing is needed\n"));
}

TEST_CASE("odd captures: packets that were lost where the capture was made are named", "[odd]") {
  Conversation conversation;
  conversation.open().talk("question", "answer").close();
  conversation.packets().erase(conversation.packets().begin() + 3);
  CHECK(ends_with(verdict_on(file_of(conversation)),
                  "    the capture lacks text that the host acknowledged, behind octet 0\n"));
}

TEST_CASE("odd captures: garbage between the packets is passed over", "[odd]") {
  PcapFile file({.nanoseconds = true});
  for (const auto& [time, packet] : whole_conversation().packets()) {
    file.add(packet, time).add(from_hex("45"), time).add(Octets(60, std::byte{0x4f}), time).add(Octets(3), time);
  }
  CHECK(verdict_on(file.octets()).starts_with("1 flow: same (packets: "));
}

TEST_CASE("odd captures: a TCP header cut short behind a wrong IPv4 checksum is passed over", "[odd]") {
  Conversation conversation = whole_conversation();
  const std::size_t size = GENERATE(24u, 37u, 39u);
  Octets packet = conversation.packets()[3].packet;
  packet.resize(size);
  wire::store16(packet, 2, static_cast<std::uint16_t>(size));  // and the checksum is that of another length
  conversation.packets().insert(conversation.packets().begin() + 3, {conversation.packets()[2].time, packet});
  CHECK(verdict_on(file_of(conversation)) == same);
}

TEST_CASE("odd captures: uncomputed checksums are taken, wrong ones are not, unless told otherwise", "[odd]") {
  Conversation uncomputed = whole_conversation();
  for (auto& captured : uncomputed.packets()) std::fill_n(captured.packet.begin() + 36, 2, std::byte{0});
  CHECK(verdict_on(file_of(uncomputed)) == same);
  CHECK(verdict_on(file_of(uncomputed), {"--checksum", "verify"}) != same);
  Conversation wrong = whole_conversation();
  for (auto& captured : wrong.packets()) captured.packet[36] ^= std::byte{0x55};
  CHECK(verdict_on(file_of(wrong), {"--checksum", "ignore"}) == same);
  CHECK(verdict_on(file_of(wrong)) != same);
}

TEST_CASE("odd captures: hundreds of flows at once, and ports used again", "[odd]") {
  std::vector<Conversation> conversations;
  for (std::uint16_t i = 0; i < 500; ++i) {
    conversations.push_back(whole_conversation(static_cast<std::uint16_t>(20'000 + i), std::chrono::microseconds(i)));
  }
  CHECK(verdict_on(file_of(conversations)) == "500 flows: all same\n");
  Conversation again(20'000, 10s);
  again.client(Flag::ack);  // a late one of the connection before
  again.packets().clear();
  CHECK(verdict_on(file_of({whole_conversation(20'000), again.open().talk("more", "of it").close()})) ==
        "2 flows: all same\n");
}

TEST_CASE("odd captures: over the loopback, where no stack takes packets from a network", "[odd]") {
  Conversation conversation = whole_conversation();
  PcapFile file({.nanoseconds = true});
  for (auto& [time, packet] : conversation.packets()) {
    for (const std::size_t at : {12u, 16u}) wire::store32(packet, at, 0x7f00'0001);
    std::fill_n(packet.begin() + 36, 2, std::byte{0});
    file.add(packet, time);
  }
  CHECK(verdict_on(file.octets()) == same);
}
