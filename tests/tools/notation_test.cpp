#include "tools/notation/pattern.hpp"

#include <array>
#include <random>

#include "tests/support/catch.hpp"

namespace backstop::notation {
namespace {

using wire::Flag;
using wire::Flags;

const SegmentPattern& segment_of(const std::expected<Pattern, std::string>& pattern) {
  REQUIRE(pattern.has_value());
  return std::get<SegmentPattern>(pattern->payload);
}

const IcmpPattern& icmp_of(const std::expected<Pattern, std::string>& pattern) {
  REQUIRE(pattern.has_value());
  return std::get<IcmpPattern>(pattern->payload);
}

std::string error_of(std::string_view line) {
  const auto pattern = parse(line);
  return pattern ? "no error" : pattern.error();
}

std::vector<std::string> differences_of(std::string_view line, const wire::Segment& segment, Relative relative = {}) {
  return differences(segment_of(parse(line)), segment, relative);
}

// A segment whose line says all about it: edges and numbers near each other, as connections have them.
wire::Segment random_segment(std::mt19937& random, Relative relative, Bytes text) {
  const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  wire::Segment segment;
  segment.flags = Flags{static_cast<std::uint8_t>(below(256))};
  segment.seq = relative.isn + below(1u << 30);
  if (segment.has_ack()) segment.ack = relative.peer_isn + below(1u << 30);
  segment.window = static_cast<std::uint16_t>(below(65'536));
  if (segment.urg()) segment.urgent_pointer = static_cast<std::uint16_t>(below(65'536));
  if (below(2) == 0) segment.options.mss = static_cast<std::uint16_t>(below(65'536));
  if (below(2) == 0) segment.options.window_scale = static_cast<std::uint8_t>(below(15));
  segment.options.sack_permitted = below(2) == 0;
  if (below(2) == 0) segment.options.timestamps = {below(0xffff'ffff), below(0xffff'ffff)};
  for (std::uint32_t left = below(5); left > 0; --left) {
    segment.options.sack.push_back({relative.peer_isn + left * 1000, relative.peer_isn + left * 1000 + below(1000)});
  }
  segment.text = text.first(below(static_cast<std::uint32_t>(text.size())));
  return segment;
}

TEST_CASE("notation: segments are written as tcpdump writes them") {
  constexpr std::array<std::byte, 100> text{};
  wire::Segment syn{.seq = SeqNum{7}, .ack = {}, .flags = Flag::syn, .window = 65'535, .options = {}, .text = {}};
  syn.options = {.mss = 1460, .window_scale = 7, .sack_permitted = true, .timestamps = {{1, 0}}, .sack = {}};
  CHECK(format(syn, {.isn = SeqNum{7}, .peer_isn = {}}) ==
        "S  0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>");

  wire::Segment data{
      .seq = SeqNum{1}, .ack = SeqNum{1}, .flags = Flag::psh | Flag::ack, .window = 500, .options = {}, .text = text};
  CHECK(format(data) == "P. 1:101(100) ack 1 win 500");
  data.flags = Flag::fin | Flag::ack;
  data.text = {};
  CHECK(format(data) == "F. 1:1(0) ack 1 win 500");
  data.flags = Flag::ack;
  data.options.sack.push_back({SeqNum{101}, SeqNum{201}});
  data.options.sack.push_back({SeqNum{301}, SeqNum{401}});
  CHECK(format(data) == ".  1:1(0) ack 1 win 500 <nop,nop,sack 101:201 301:401>");
  data.options = {.mss = {}, .window_scale = {}, .sack_permitted = true, .timestamps = {}, .sack = {}};
  data.flags = Flag::urg;
  data.urgent_pointer = 3;
  CHECK(format(data) == "U  1:1(0) win 500 urg 3 <nop,nop,sackOK>");
  data.options = {};
  data.flags = {};
  CHECK(format(data) == "-  1:1(0) win 500");
  CHECK(format(Flag::syn | Flag::ece | Flag::cwr) == "SEW");
  CHECK(format(Flag::rst | Flag::ack) == "R.");
}

TEST_CASE("notation: relative numbers work across the wrap, and count back before the origin") {
  const Relative relative{.isn = SeqNum{0xffff'fff0}, .peer_isn = SeqNum{0xffff'ffff}};
  wire::Segment segment{.seq = SeqNum{0x10}, .ack = SeqNum{0}, .flags = Flag::ack, .options = {}, .text = {}};
  CHECK(format(segment, relative) == ".  32:32(0) ack 1 win 0");
  segment.seq = relative.isn - 10;
  CHECK(format(segment, relative) == ".  -10:-10(0) ack 1 win 0");
  CHECK(segment_of(parse("S -10:0(10)")).seq == 0u - 10u);
}

TEST_CASE("notation: the RST,ACK to a segment without ACK has the number zero, whatever the origin") {
  const wire::Segment reset{.seq = {}, .ack = SeqNum{8}, .flags = Flag::rst | Flag::ack, .options = {}, .text = {}};
  Relative relative{.isn = SeqNum{1000}, .peer_isn = SeqNum{7}};
  CHECK(format(reset, relative) == "R. 0:0(0) ack 1 win 0");
  CHECK(differences_of("R. 0:0(0) ack 1", reset, relative).empty());
  relative.isn = SeqNum{0xffff'ffff};  // may also be the connection's own first number, so both lines match
  CHECK(differences_of("R. 0:0(0) ack 1", reset, relative).empty());
  CHECK(differences_of("R. 1:1(0) ack 1", reset, relative).empty());
}

TEST_CASE("notation: what is written is read back, for random segments") {
  std::mt19937 random{1};
  constexpr std::array<std::byte, 2000> text{};
  for (int round = 0; round < 2000; ++round) {
    const Relative relative{SeqNum{static_cast<std::uint32_t>(random())}, SeqNum{static_cast<std::uint32_t>(random())}};
    const wire::Segment segment = random_segment(random, relative, text);
    const std::string line = format(segment, relative);
    INFO(line);
    const auto pattern = parse(line);
    REQUIRE(differences(segment_of(pattern), segment, relative).empty());
    wire::Segment again = to_segment(segment_of(pattern), relative);
    again.text = segment.text;
    REQUIRE(format(again, relative) == line);
    REQUIRE(again.seq == segment.seq);
    REQUIRE(again.options == segment.options);
  }
}

TEST_CASE("notation: what a line does not write is not compared") {
  wire::Segment segment{.seq = SeqNum{1}, .ack = SeqNum{5}, .flags = Flag::ack, .window = 9, .options = {}, .text = {}};
  segment.options.mss = 1460;
  segment.options.timestamps = {7, 8};
  CHECK(differences_of(".", segment).empty());
  CHECK(differences_of(". ack 5", segment).empty());
  CHECK(differences_of(". win 9", segment).empty());
  CHECK(differences_of(". 1:1(0) <...>", segment).empty());
  CHECK(differences_of(". <mss 1460,TS>", segment).empty());
  CHECK(differences_of(". <mss 1460,TS val 7>", segment).empty());
  CHECK(differences_of(". <TS ecr 8,mss 1460>", segment).empty());
}

TEST_CASE("notation: differences name the field, what was expected and what came") {
  using Lines = std::vector<std::string>;
  constexpr std::array<std::byte, 10> text{};
  wire::Segment segment{.seq = SeqNum{1},
                        .ack = SeqNum{5},
                        .flags = Flag::ack | Flag::urg,
                        .window = 9,
                        .urgent_pointer = 2,
                        .options = {},
                        .text = text};
  CHECK(differences_of("P.", segment) == Lines{"control bits: expected P., got .U"});
  CHECK(differences_of(".U 1:12(11)", segment) == Lines{"seq: expected 1:12(11), got 1:11(10)"});
  CHECK(differences_of(".U ack 6 win 8 urg 1", segment) ==
        Lines{"ack: expected 6, got 5", "win: expected 8, got 9", "urg: expected 1, got 2"});
  CHECK(differences_of(".U <mss 1460>", segment) == Lines{"options: expected <mss 1460>, got none"});
  segment.options.timestamps = {7, 8};
  CHECK(differences_of(".U <>", segment) == Lines{"options: expected none, got <nop,nop,TS val 7 ecr 8>"});
  CHECK(differences_of(".U <TS ecr 9>", segment) ==
        Lines{"options: expected <nop,nop,TS val 7 ecr 9>, got <nop,nop,TS val 7 ecr 8>"});
}

TEST_CASE("notation: the order of SACK blocks counts") {
  wire::Segment segment{.seq = {}, .ack = {}, .flags = Flag::ack, .options = {}, .text = {}};
  segment.options.sack.push_back({SeqNum{301}, SeqNum{401}});
  segment.options.sack.push_back({SeqNum{101}, SeqNum{201}});
  CHECK(differences_of(". <nop,nop,sack 301:401 101:201>", segment).empty());
  CHECK(differences_of(". <nop,nop,sack 101:201 301:401>", segment).size() == 1);
}

TEST_CASE("notation: errors name the column and what was expected") {
  CHECK(error_of("") ==
        "column 1: expected control bits: letters of SFRP.UEW, or '-' for none, found the end of the line");
  CHECK(error_of("X. 0:0(0)") == "column 1: expected control bits: letters of SFRP.UEW, or '-' for none, found 'X.'");
  CHECK(error_of("SS 0:0(0)").starts_with("column 1: expected control bits"));
  CHECK(error_of("S 0-0") == "column 4: expected ':', found '-0'");
  CHECK(error_of("S 0:x(0)") == "column 5: expected a sequence number, a number of 0 to 4294967295, found 'x(0)'");
  CHECK(error_of("S 0:0") == "column 6: expected '(', found the end of the line");
  CHECK(error_of(". 1:100(100)") ==
        "column 3: expected a range whose length is the number in parentheses, found '1:100(100)'");
  CHECK(error_of("S 0:0(0) win 65536") == "column 14: expected the window, a number of 0 to 65535, found '65536'");
  CHECK(error_of("S 0:0(0) ack 1").starts_with("column 14: expected no ack number without"));
  CHECK(error_of(". ack 1 urg 1").starts_with("column 13: expected no urgent pointer without"));
  CHECK(error_of("S <mss>") == "column 7: expected the maximum segment size, a number of 0 to 65535, found '>'");
  CHECK(error_of("S <mss 1,tfo>") ==
        "column 10: expected an option: mss, wscale, sackOK, TS, sack, nop or eol, found 'tfo>'");
  CHECK(error_of("S <mss 1") == "column 9: expected ',' or '>', found the end of the line");
  CHECK(error_of(". <sack 1:2 3:4 5:6 7:8 9:10>").starts_with("column 25: expected at most four SACK blocks"));
  CHECK(error_of(". win 1 ack 1").starts_with("column 9: expected sequence numbers, ack, win, urg, <options>"));
  CHECK(error_of("[ttl 256] S").starts_with("column 6: expected the time to live"));
  CHECK(error_of("[ecn] S").starts_with("column 2: expected a field of the IPv4 header"));
  CHECK(error_of("[df S").starts_with("column 5: expected ']'"));
  CHECK(error_of("icmp: ping").starts_with("column 7: expected an ICMP message"));
  CHECK(error_of("icmp: echo reply, size 3").starts_with("column 19: expected id, seq or length"));
  CHECK(error_of("icmp: host 10.0.0.256 unreachable").starts_with("column 12: expected an IPv4 address"));
  CHECK(error_of("icmp: host unreachable - bored").starts_with("column 26: expected 'need to frag'"));
  CHECK(error_of("icmp: source quench now").starts_with("column 21: expected [seq N] or the end"));
  CHECK(error_of("udp: size 3").starts_with("column 6: expected 'length N' or the end"));
}

TEST_CASE("notation: fields of the IPv4 header stand in front") {
  const auto pattern = parse("[ttl 64,tos 0x28,ce,df] P. 1:2(1) ack 1");
  REQUIRE(pattern.has_value());
  wire::Ipv4Header ip{.source = {}, .destination = {}, .ttl = 64, .tos = 0x2b, .dont_fragment = false};
  CHECK(differences(pattern->ip, ip) ==
        std::vector<std::string>{"tos: expected 40, got 43", "df: expected set, got clear"});
  ip = {.source = {}, .destination = {}, .ttl = 1, .tos = 0x28, .dont_fragment = true};
  CHECK(differences(pattern->ip, ip) ==
        std::vector<std::string>{"ttl: expected 64, got 1", "ecn: expected ce, got noecn"});
}

// An ICMP error's payload: the IPv4 header of a packet from 10.0.0.1 to 10.0.0.2 and the first 8 octets behind it.
std::vector<std::byte> quotation(std::uint8_t protocol, std::uint16_t port, std::uint32_t seq) {
  std::vector<std::byte> bytes(28);
  wire::emit_ipv4(
      {.source = Ipv4Address::of(10, 0, 0, 1), .destination = Ipv4Address::of(10, 0, 0, 2), .protocol = protocol}, 1000,
      bytes);
  wire::store16(bytes, 20, 40'000);
  wire::store16(bytes, 22, port);
  wire::store32(bytes, 24, seq);
  return bytes;
}

TEST_CASE("notation: ICMP in tcpdump's words, read back") {
  using wire::IcmpType;
  const auto tcp = quotation(wire::protocol_tcp, 80, 101);
  const auto udp = quotation(wire::protocol_udp, 53, 0);
  const std::array<std::pair<wire::IcmpMessage, std::string>, 14> table{{
      {{IcmpType::echo_request, 0, 0x0007'0001, Bytes{tcp}}, "icmp: echo request, id 7, seq 1, length 36"},
      {{IcmpType::echo_reply, 0, 0x0007'0002, {}}, "icmp: echo reply, id 7, seq 2, length 8"},
      {{IcmpType::destination_unreachable, 0, 0, tcp}, "icmp: net 10.0.0.2 unreachable [seq 1]"},
      {{IcmpType::destination_unreachable, 1, 0, tcp}, "icmp: host 10.0.0.2 unreachable [seq 1]"},
      {{IcmpType::destination_unreachable, 2, 0, tcp}, "icmp: 10.0.0.2 protocol 6 unreachable [seq 1]"},
      {{IcmpType::destination_unreachable, 3, 0, tcp}, "icmp: 10.0.0.2 tcp port 80 unreachable [seq 1]"},
      {{IcmpType::destination_unreachable, 3, 0, udp}, "icmp: 10.0.0.2 udp port 53 unreachable"},
      {{IcmpType::destination_unreachable, 4, 1400, tcp},
       "icmp: 10.0.0.2 unreachable - need to frag (mtu 1400) [seq 1]"},
      {{IcmpType::destination_unreachable, 5, 0, tcp}, "icmp: 10.0.0.2 unreachable - source route failed [seq 1]"},
      {{IcmpType::destination_unreachable, 13, 0, tcp}, "icmp: host 10.0.0.2 unreachable - admin prohibited [seq 1]"},
      {{IcmpType::destination_unreachable, 9, 0, udp}, "icmp: 10.0.0.2 unreachable - code 9"},
      {{IcmpType::time_exceeded, 0, 0, tcp}, "icmp: time exceeded in-transit [seq 1]"},
      {{IcmpType::parameter_problem, 0, 20u << 24, tcp}, "icmp: parameter problem - octet 20 [seq 1]"},
      {{static_cast<IcmpType>(13), 0, 0, {}}, "icmp: type 13 code 0"},
  }};
  for (const auto& [message, line] : table) {
    CHECK(format(message, SeqNum{100}) == line);
    CHECK(differences(icmp_of(parse(line)), message, SeqNum{100}).empty());
  }
  CHECK(icmp_of(parse("icmp: host 10.0.0.2 tcp port 80 unreachable")) ==
        icmp_of(parse("icmp: 10.0.0.2 tcp port 80 unreachable")));
  CHECK(icmp_of(parse("icmp: source quench")).type == IcmpType::source_quench);
  CHECK(icmp_of(parse("icmp: ip reassembly time exceeded")).code == 1);
}

TEST_CASE("notation: differences between ICMP messages") {
  using Lines = std::vector<std::string>;
  const auto quoted = quotation(wire::protocol_tcp, 80, 101);
  const wire::IcmpMessage message{wire::IcmpType::destination_unreachable, 3, 0, quoted};
  CHECK(differences(icmp_of(parse("icmp: 10.0.0.3 udp port 81 unreachable [seq 2]")), message, SeqNum{100}) ==
        Lines{"quoted destination: expected 10.0.0.3, got 10.0.0.2", "quoted protocol: expected 17, got 6",
              "quoted port: expected 81, got 80", "quoted seq: expected 2, got 1"});
  CHECK(differences(icmp_of(parse("icmp: host unreachable")), message, {}) == Lines{"code: expected 1, got 3"});
  const wire::IcmpMessage echo{wire::IcmpType::echo_reply, 0, 0x0001'0002, {}};
  CHECK(differences(icmp_of(parse("icmp: echo reply, id 2, seq 1, length 9")), echo, {}) ==
        Lines{"id: expected 2, got 1", "seq: expected 1, got 2", "length: expected 9, got 8"});
}

}  // namespace
}  // namespace backstop::notation
