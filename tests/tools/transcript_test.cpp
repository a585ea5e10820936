#include "tools/notation/transcript.hpp"

#include <array>
#include <vector>

#include "tests/support/catch.hpp"

namespace backstop::notation {
namespace {

using namespace std::chrono_literals;
using wire::Flag;

constexpr Ipv4Address client = Ipv4Address::of(10, 0, 0, 1);
constexpr Ipv4Address server = Ipv4Address::of(10, 0, 0, 2);

std::vector<std::byte> packet(Ipv4Address source, Ipv4Address destination, wire::Segment segment,
                              wire::ChecksumKind checksum = wire::ChecksumKind::full) {
  const bool to_server = destination == server;
  segment.source_port = to_server ? 40'000 : 80;
  segment.destination_port = to_server ? 80 : 40'000;
  std::vector<std::byte> bytes(wire::max_headers_size);
  const std::array text{segment.text};
  bytes.resize(wire::emit_segment({.source = source, .destination = destination}, segment, text, checksum, bytes));
  bytes.insert(bytes.end(), segment.text.begin(), segment.text.end());
  return bytes;
}

std::vector<std::byte> to_server(std::uint32_t seq, std::uint32_t ack, wire::Flags flags, Bytes text = {}) {
  return packet(client, server, {.seq = SeqNum{seq}, .ack = SeqNum{ack}, .flags = flags, .options = {}, .text = text});
}

std::vector<std::byte> to_client(std::uint32_t seq, std::uint32_t ack, wire::Flags flags) {
  return packet(server, client, {.seq = SeqNum{seq}, .ack = SeqNum{ack}, .flags = flags, .options = {}, .text = {}});
}

TEST_CASE("transcript: a conversation with times, directions, calls and relative numbers") {
  const Instant start = Instant{} + 1h;
  Transcript story{start};
  story.call("listen 80", start);
  story.packet(Direction::in, {to_server(0xffff'ffff, 0, Flag::syn), {}}, start);
  story.packet(Direction::out, {to_client(500, 0, Flag::syn | Flag::ack), {}}, start + 1ms);
  constexpr std::array<std::byte, 5> text{};
  story.packet(Direction::in, {to_server(0, 501, Flag::psh | Flag::ack, text), {}}, start + 20ms, "lost");
  story.note("that was all", start + 7200s);
  CHECK(story.text() ==
        "0.000000 * listen 80\n"
        "0.000000 < S  0:0(0) win 0\n"
        "0.001000 > S. 0:0(0) ack 1 win 0\n"
        "0.020000 < P. 1:6(5) ack 1 win 0  (lost)\n"
        "7200.000000 # that was all\n");
}

TEST_CASE("transcript: addresses on request, and only the last lines") {
  Transcript story{{}, {.addresses = true, .last_lines = 1}};
  story.note("let go", {});
  story.packet(Direction::in, {to_server(7, 0, Flag::syn), {}}, {});
  CHECK(story.text() == "(1 lines before)\n0.000000 < 10.0.0.1:40000 > 10.0.0.2:80: S  0:0(0) win 0\n");
}

TEST_CASE("transcript: an old duplicate SYN does not move the origin; a new connection's SYN does") {
  Transcript story;
  const auto line = [&](const std::vector<std::byte>& bytes) {
    return story.packet(Direction::in, {bytes, {}}, {}).substr(11);
  };
  CHECK(line(to_server(100, 0, Flag::syn)) == "S  0:0(0) win 0");
  CHECK(line(to_server(90, 0, Flag::syn)) == "S  -10:-10(0) win 0");
  CHECK(line(to_server(101, 0, Flag::rst)) == "R  1:1(0) win 0");
  CHECK(line(to_server(5000, 0, Flag::syn)) == "S  0:0(0) win 0");
  story.origins().pin({client, 40'000}, {server, 80}, SeqNum{4000});
  CHECK(line(to_server(5000, 0, Flag::syn)) == "S  1000:1000(0) win 0");
}

TEST_CASE("transcript: before a SYN was seen, numbers are as on the wire") {
  Transcript story;
  CHECK(story.packet(Direction::in, {to_server(1000, 2000, Flag::ack), {}}, {}) ==
        "0.000000 < .  1000:1000(0) ack 2000 win 0");
}

TEST_CASE("transcript: packets that carry no good segment are written too") {
  const Origins none;
  const auto written = [&](std::vector<std::byte> bytes) { return describe({bytes, {}}, none); };
  auto bytes = to_server(1, 0, Flag::syn);
  CHECK(written({}) == "ip: ip_truncated");
  bytes.back() ^= std::byte{1};
  CHECK(written(bytes) == "tcp: tcp_bad_checksum");
  bytes[0] ^= std::byte{1};
  CHECK(written(bytes) == "ip: ip_bad_header_length");

  std::vector<std::byte> raw(wire::ipv4_header_size + 16);
  const auto with = [&](wire::Ipv4Header ip) {
    wire::emit_ipv4(ip, 16, raw);
    return written(raw);
  };
  CHECK(with({.source = client, .destination = server, .protocol = 47}) == "ip: protocol 47, length 16");
  CHECK(with({.source = client, .destination = server, .protocol = wire::protocol_udp}) == "udp: length 8");
  CHECK(with({.source = client, .destination = server, .id = 7, .more_fragments = true, .fragment_offset = 1480}) ==
        "ip: frag 7:16@1480+");
}

TEST_CASE("transcript: a partial checksum is no wrong one, and ECN marks are shown") {
  const wire::Segment segment{.seq = {}, .ack = {}, .flags = Flag::syn, .options = {}, .text = {}};
  auto bytes = packet(client, server, segment, wire::ChecksumKind::partial);
  CHECK(describe({bytes, {.checksum_partial = true}}, {}) == "S  0:0(0) win 0");
  CHECK(describe({bytes, {}}, {}) == "tcp: tcp_bad_checksum");
  wire::emit_ipv4({.source = client, .destination = server, .tos = 3}, 20, bytes);
  CHECK(describe({bytes, {.checksum_partial = true}}, {}) == "[ce] S  0:0(0) win 0");
}

}  // namespace
}  // namespace backstop::notation
