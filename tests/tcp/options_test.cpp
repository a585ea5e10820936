// What the SYNs negotiate (RFC 9293 section 3.7.1; RFC 7323; RFC 2018), and peers that offer little or odd things.
#include "stack/wire/checksum.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("options: the SYN,ACK answers only what the SYN offered", "[3.2][MAY-3][RFC7323][RFC2018]") {
  Scenario t;
  SECTION("nothing at all") {
    t.inject("S  0:0(0) win 65535");
    t.expect("S. 0:0(0) ack 1 <mss 1460>");
  }
  SECTION("MSS") {
    t.inject("S  0:0(0) win 65535 <mss 1460>");
    t.expect("S. 0:0(0) ack 1 <mss 1460>");
  }
  SECTION("SACK") {
    t.inject("S  0:0(0) win 65535 <mss 1460,nop,nop,sackOK>");
    t.expect("S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK>");
  }
  SECTION("timestamps") {
    t.inject("S  0:0(0) win 65535 <mss 1460,nop,nop,TS val 7 ecr 0>");
    t.expect("S. 0:0(0) ack 1 <mss 1460,nop,nop,TS ecr 7>");
  }
  SECTION("window scale") {
    t.inject("S  0:0(0) win 65535 <mss 1460,nop,wscale 3>");
    t.expect("S. 0:0(0) ack 1 <mss 1460,nop,wscale 5>");
  }
  SECTION("everything") {
    t.inject("S  0:0(0) win 65535 <mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 7>");
    t.expect("S. 0:0(0) ack 1 <mss 1460,sackOK,TS ecr 7,nop,wscale 5>");
  }
}

TEST_CASE("options: what is switched off is not offered and not accepted", "[RFC7323][RFC2018]") {
  Scenario t{[](Config& config) {
    config.tcp.window_scaling = false;
    config.tcp.timestamps = false;
    config.tcp.selective_acks = false;
  }};
  SECTION("passive") {
    t.inject("S  0:0(0) win 65535 <mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 7>");
    t.expect("S. 0:0(0) ack 1 <mss 1460>");
  }
  SECTION("active") {
    t.connect();
    t.expect("S  0:0(0) <mss 1460>");
  }
}

TEST_CASE("options: our MSS is the MTU less the headers", "[3.7.1][MUST-14][MUST-67][SHLD-6]") {
  Scenario t{[](Config& config) { config.mtu = 576; }};
  t.inject("S  0:0(0) win 65535");
  t.expect("S. 0:0(0) ack 1 <mss 536>");
}

TEST_CASE("MSS: on SYNs only", "[3.2][MUST-65]") {
  Scenario t;
  t.establish("<mss 1000>");
  t.write(2000);
  t.expect(".  1:1001(1000) ack 1 <>");
  t.expect("P. 1001:2001(1000) ack 1 <>");
  t.inject("P. 1:11(10) ack 1");
  t.expect(".  2001:2001(0) ack 11 <>");
  t.expect_after(200ms, ".  1:1001(1000) ack 11 <>");
  t.inject(".  11:11(0) ack 2001");
  t.close();
  t.expect("F. 2001:2001(0) ack 11 <>");
  t.abort();
  t.expect("R. 2002:2002(0) ack 11 <>");
}

TEST_CASE("MSS: a peer that names none gets 536 octets", "[3.7.1][MUST-15]") {
  Scenario t;
  t.establish("<>");
  t.write(1000);
  t.expect(".  1:537(536) ack 1");
}

TEST_CASE("MSS: the peer's is kept, and ours bounds it", "[3.7.1][MUST-16]") {
  Scenario t;
  SECTION("smaller than ours") {
    t.establish("<mss 500>");
    t.write(1000);
    t.expect(".  1:501(500) ack 1");
    t.expect("P. 501:1001(500) ack 1");
  }
  SECTION("larger than ours") {
    t.establish("<mss 9000>");
    t.write(3000);
    t.expect(".  1:1461(1460) ack 1");
  }
}

TEST_CASE("MSS: options in the segments count against it", "[3.7.1][MUST-16][RFC6691]") {
  Scenario t;
  t.establish("<mss 1460,sackOK,TS val 1 ecr 0>");
  t.write(3000);
  t.expect(".  1:1449(1448) ack 1 <nop,nop,TS ecr 1>");
}

TEST_CASE("MSS: absurd ones do not stop us", "[3.7.1]") {
  Scenario t;
  SECTION("zero is no MSS") {
    t.establish("<mss 0>");
    t.write(1000);
    t.expect(".  1:537(536) ack 1");
  }
  SECTION("one octet, with timestamps") {
    t.inject("S  0:0(0) win 65535 <mss 1,sackOK,TS val 1 ecr 0>");
    t.expect("S. 0:0(0) ack 1");
    CHECK(t.stack().config().mtu == 1500);
  }
}

TEST_CASE("window scale: applied to every segment but SYNs, both ways", "[3.1][REC-1][RFC7323]") {
  Scenario t;
  t.inject("S  0:0(0) win 1000 <mss 1460,nop,wscale 7>");
  t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 5>");
  t.inject(".  1:1(0) ack 1 win 1000");
  const ConnectionInfo info = t.stream().info();
  CHECK(info.send_window == 128'000);
  CHECK(info.send_scale == 7);
  CHECK(info.receive_scale == 5);
  t.inject("P. 1:101(100) ack 1");
  const wire::Segment ack = t.expect(".  1:1(0) ack 101");
  CHECK((std::uint32_t{ack.window} << 5) >= 65'535 - 100);
}

TEST_CASE("window scale: the window in the SYN,ACK is not scaled", "[RFC7323]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject("S. 0:0(0) ack 1 win 1000 <mss 1460,nop,wscale 7>");
  t.expect(".  1:1(0) ack 1");
  CHECK(t.stream().info().send_window == 1000);
}

TEST_CASE("window scale: a shift above 14 is used as 14", "[RFC7323]") {
  Scenario t;
  t.establish("<mss 1460,nop,wscale 15>");
  t.inject(".  1:1(0) ack 1 win 1");
  CHECK(t.stream().info().send_window == 1u << 14);
}

TEST_CASE("window scale: without the peer's offer, windows are plain both ways", "[RFC7323]") {
  Scenario t;
  t.establish("<mss 1460>");
  CHECK(t.stream().info().send_scale == 0);
  CHECK(t.stream().info().receive_scale == 0);
  CHECK(t.stream().info().send_window == 65'535);
}

TEST_CASE("timestamps: TSval is echoed, on every segment from then on", "[RFC7323]") {
  Scenario t;
  t.establish("<mss 1460,sackOK,TS val 1000 ecr 0>");
  t.inject("P. 1:101(100) ack 1 <nop,nop,TS val 1001>");
  t.expect(".  1:1(0) ack 101 <nop,nop,TS ecr 1001>");
  t.write(10);
  t.expect("P. 1:11(10) ack 101 <nop,nop,TS ecr 1001>");
  t.inject(".  101:101(0) ack 11 <nop,nop,TS val 1500>");
  t.close();
  t.expect("F. 11:11(0) ack 101 <nop,nop,TS ecr 1500>");
}

TEST_CASE("timestamps: what is echoed is the last acknowledged segment's, not that of text behind a hole",
          "[RFC7323]") {
  Scenario t;
  t.establish("<mss 1460,sackOK,TS val 1000 ecr 0>");
  t.inject(".  101:201(100) ack 1 <nop,nop,TS val 2000>");
  t.expect(".  1:1(0) ack 1 <nop,nop,TS ecr 1000,nop,nop,sack 101:201>");
  t.inject(".  1:101(100) ack 1 <nop,nop,TS val 3000>");
  t.expect(".  1:1(0) ack 201 <nop,nop,TS ecr 3000>");
}

TEST_CASE("timestamps: our clock ticks in milliseconds and gives RTT samples", "[RFC7323]") {
  Scenario t;
  t.establish("<mss 1460,sackOK,TS val 1 ecr 0>");
  t.write(10);
  const std::uint32_t first = t.expect("P. 1:11(10) ack 1").options.timestamps->value;
  t.advance(50ms);
  t.inject(".  1:1(0) ack 11");
  t.write(10);
  const std::uint32_t second = t.expect("P. 11:21(10) ack 1").options.timestamps->value;
  CHECK(second - first == 50);
  CHECK(t.stream().info().srtt > Duration::zero());
}

TEST_CASE("timestamps: the handshake's ACK without them, though the SYN had them, is not left in silence",
          "[RFC7323]") {
  Scenario t;
  t.inject("S  0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0>");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1 <>");
  CHECK(t.accept().state() == State::established);
}

TEST_CASE("options: unknown ones are skipped, broken ones end the list, any segment may have them",
          "[3.1][3.2][MUST-5][MUST-6][MUST-7][MUST-64][MUST-68]") {
  Scenario t;
  // Puts raw option octets, a multiple of four, into an option-less segment.
  const auto with_options = [&](std::string_view line, const std::vector<int>& octets) {
    Packet packet = t.build(line);
    const auto datagram = wire::parse_ipv4(packet);
    wire::Ipv4Header ip = datagram->header;
    Packet tcp(datagram->payload.begin(), datagram->payload.end());
    std::vector<std::byte> options;
    for (const int octet : octets) options.push_back(static_cast<std::byte>(octet));
    tcp.insert(tcp.begin() + wire::tcp_header_size, options.begin(), options.end());
    tcp[12] = static_cast<std::byte>((wire::tcp_header_size + options.size()) / 4 << 4);
    wire::store16(tcp, 16, 0);
    wire::Checksum checksum =
        wire::pseudo_header(ip.source, ip.destination, wire::protocol_tcp, static_cast<std::uint16_t>(tcp.size()));
    checksum.add(tcp);
    wire::store16(tcp, 16, checksum.finish());
    Packet whole(wire::ipv4_header_size);
    wire::emit_ipv4(ip, tcp.size(), whole);
    whole.insert(whole.end(), tcp.begin(), tcp.end());
    t.inject_packet(whole);
  };
  SECTION("unknown kinds in the SYN, the MSS at an odd offset behind them") {
    with_options("S  0:0(0) win 65535", {253, 3, 0, 1, 1, 1, 1, 2, 4, 1, 244, 0});
    t.expect("S. 0:0(0) ack 1");
    t.inject(".  1:1(0) ack 1");
    CHECK(t.accept().info().peer_mss == 500);
  }
  SECTION("length zero, length one, a length beyond the header, a lone kind at the end") {
    const auto octets =
        GENERATE(values<std::vector<int>>({{253, 0, 0, 0}, {2, 1, 5, 180}, {2, 40, 5, 180}, {1, 1, 1, 2}}));
    with_options("S  0:0(0) win 65535", octets);
    t.expect("S. 0:0(0) ack 1");
  }
  SECTION("in a segment with text") {
    t.establish();
    with_options("P. 1:11(10) ack 1", {253, 4, 1, 1});
    t.expect(".  1:1(0) ack 11");
    t.read(10);
  }
  SECTION("MSS in a segment without SYN changes nothing") {
    t.establish();
    with_options(".  1:1(0) ack 1", {2, 4, 0, 100});
    t.write(1000);
    t.expect("P. 1:1001(1000) ack 1");
  }
  CHECK(t.stack().connections() == 1);
}

}  // namespace
}  // namespace backstop::test
