// What odd packets do: nothing that is not a SYN for us gets anybody asked.
#include "tests/fallback/bench.hpp"
#include "tests/support/catch.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;
using wire::Flag;

wire::Segment syn_to(std::uint16_t port, wire::Flags flags = Flag::syn) {
  return {.source_port = 40'000,
          .destination_port = port,
          .seq = SeqNum{1000},
          .ack = {},
          .flags = flags,
          .window = 65'535,
          .options = {},
          .text = {}};
}

constexpr wire::Ipv4Header to_us{.source = Scenario::default_remote.address,
                                 .destination = Scenario::default_local.address};

TEST_CASE("Fallback: RST for a SYN with text acknowledges the text too", "[fallback-16]") {
  Bench b;
  Calls calls;
  SECTION("declined") {
    const auto handle = b.fallback.register_handler(declining(calls));
    b.t.inject("S 0:10(10) win 65535");
    CHECK(b.t.expect("R. ack 11").seq.value() == 0);
    REQUIRE(calls.count() == 1);
    CHECK(calls.asked[0].text_size == 10);
  }
  SECTION("without a handler") {
    b.t.inject("S 0:10(10) win 65535");
    CHECK(b.t.expect("R. ack 11").seq.value() == 0);
  }
}

// Each with what comes back.
enum class Answer { silence, reset };
struct Odd {
  std::string_view what;
  Packet packet;
  Answer answer;
};

Packet damaged(std::size_t offset, std::byte value) {
  Packet packet = tcp_packet(to_us, syn_to(unclaimed_port));
  packet[offset] = value;
  return packet;
}

std::vector<Odd> odd_packets() {
  const auto from = [](Ipv4Address source) {
    return tcp_packet({.source = source, .destination = Scenario::default_local.address}, syn_to(unclaimed_port));
  };
  const auto to = [](Ipv4Address destination) {
    return tcp_packet({.source = Scenario::default_remote.address, .destination = destination}, syn_to(unclaimed_port));
  };
  Packet truncated = tcp_packet(to_us, syn_to(unclaimed_port));
  truncated.resize(30);
  Packet from_port_zero = tcp_packet(to_us, [] {
    wire::Segment segment = syn_to(unclaimed_port);
    segment.source_port = 0;
    return segment;
  }());
  return {
      {"SYN+FIN", tcp_packet(to_us, syn_to(unclaimed_port, Flag::syn | Flag::fin)), Answer::silence},
      {"SYN+RST", tcp_packet(to_us, syn_to(unclaimed_port, Flag::syn | Flag::rst)), Answer::silence},
      {"no flags at all", tcp_packet(to_us, syn_to(unclaimed_port, wire::Flags{})), Answer::reset},
      {"FIN alone", tcp_packet(to_us, syn_to(unclaimed_port, Flag::fin)), Answer::reset},
      {"bad TCP checksum", damaged(36, std::byte{0x55}), Answer::silence},
      {"bad IP checksum", damaged(10, std::byte{0x55}), Answer::silence},
      {"truncated", truncated, Answer::silence},
      {"data offset below 5", damaged(32, std::byte{0x40}), Answer::silence},
      {"to port 0", tcp_packet(to_us, syn_to(0)), Answer::silence},
      {"from port 0", from_port_zero, Answer::silence},
      {"from 0.0.0.0", from({}), Answer::silence},
      {"from the limited broadcast address", from(Ipv4Address::of(255, 255, 255, 255)), Answer::silence},
      {"from our network's broadcast address", from(Ipv4Address::of(10, 0, 0, 255)), Answer::silence},
      {"from a multicast group", from(Ipv4Address::of(224, 0, 0, 1)), Answer::silence},
      {"from our own address", from(Scenario::default_local.address), Answer::silence},
      {"from a loopback address", from(Ipv4Address::of(127, 0, 0, 1)), Answer::silence},
      {"to the limited broadcast address", to(Ipv4Address::of(255, 255, 255, 255)), Answer::silence},
      {"to our network's broadcast address", to(Ipv4Address::of(10, 0, 0, 255)), Answer::silence},
      {"to a multicast group", to(Ipv4Address::of(239, 1, 2, 3)), Answer::silence},
      {"IPv6", Packet(60, std::byte{0x60}), Answer::silence},
  };
}

TEST_CASE("Fallback: nobody is asked about what is no proper SYN", "[fallback-17]") {
  const bool any_ip = GENERATE(false, true);
  Bench b({}, [&](Config& config) { config.any_ip = any_ip; });
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  for (const Odd& odd : odd_packets()) {
    INFO(odd.what);
    b.t.inject_packet(odd.packet);
    if (odd.answer == Answer::reset) {
      CHECK(wire::parse_segment(*wire::parse_ipv4(b.t.take_packet()))->rst());
    }
    b.t.silence();
    CHECK(calls.count() == 0);
    CHECK(b.t.stack().connections() == 0);
  }
  CHECK(b.t.stack().statistics().dropped(Drop::ip_version_6) == 1);
}

TEST_CASE("Fallback: a SYN that offers ECN is a SYN", "[fallback-18]") {
  Bench b;
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  b.t.inject("SEW 0:0(0) win 65535 <mss 1460>");
  b.t.expect("S.E 0:0(0) ack 1");
  REQUIRE(calls.count() == 1);
  CHECK(calls.asked[0].offers_ecn());
}

TEST_CASE("Fallback: a handler sees all that the SYN says", "[fallback-18]") {
  Bench b;
  Calls calls;
  std::uint32_t attempt = 0;
  Instant now{};
  const auto handle = b.fallback.register_handler([&](Consultation& about) {
    calls.asked.push_back(about.syn());
    attempt = about.attempt();
    now = about.now();
    return FallbackDecision::decline();
  });
  b.t.inject("[ttl 51] S 0:0(0) win 1234 <mss 1400,sackOK,TS val 99 ecr 0,wscale 5>");
  b.t.ignore_sent();
  REQUIRE(calls.count() == 1);
  const SynInfo& syn = calls.asked[0];
  CHECK(syn.ttl == 51);
  CHECK(syn.window == 1234);
  CHECK(syn.mss == 1400);
  CHECK(syn.sack_permitted);
  CHECK(syn.window_scale == 5);
  REQUIRE(syn.timestamps);
  CHECK(syn.timestamps->value == 99);
  CHECK_FALSE(syn.offers_ecn());
  CHECK(syn.arrived == b.t.now());
  CHECK(now == b.t.now());
  CHECK(attempt == 1);
}

TEST_CASE("Fallback: SYN,ACK to nowhere gets RST, and nobody is asked", "[fallback-19]") {
  Bench b;
  Calls calls;
  const auto handle = b.fallback.register_handler(accepting(calls));
  b.t.inject("S. 0:0(0) ack 777 win 65535");
  b.t.expect("R 777:777(0)");
  b.t.inject(". 1:1(0) ack 778");  // strays get theirs while a handler is registered, too
  b.t.expect("R 778:778(0)");
  CHECK(calls.count() == 0);
}

TEST_CASE("Fallback: SYN, SYN,ACK, RST a hundred thousand times leaves every slot free", "[fallback-20]") {
  Bench b({.max_flows = 8});
  std::uint64_t asked = 0;
  std::uint64_t served = 0;
  const auto count_and_serve = [&](Stream stream) {
    ++served;
    return echo_text(std::move(stream));
  };
  const auto handle = b.fallback.register_handler([&](const SynInfo&) {
    ++asked;
    return FallbackDecision::accept(std::ref(count_and_serve));
  });
  // Why not the scenario's lines: they keep the whole story.
  const auto receive = [&](const wire::Segment& segment) {
    b.t.stack().receive({tcp_packet(to_us, segment), {}}, b.t.now());
  };
  std::uint64_t answers = 0;
  for (std::uint32_t round = 0; round < 20'000; ++round) {  // and five pairs of ISNs
    wire::Segment segment = syn_to(unclaimed_port);
    segment.seq = SeqNum{round * 1000};
    segment.source_port = static_cast<std::uint16_t>(30'000 + round % 30'000);
    receive(segment);
    while (const auto packet = b.t.stack().transmit(b.t.now())) ++answers;
    segment.seq += 1;
    segment.flags = Flag::rst;
    receive(segment);
    b.run();
  }
  CHECK(asked == 20'000);
  CHECK(answers == 20'000);
  CHECK(served == 0);
  CHECK(b.fallback.counters().handshakes_failed == 20'000);
  CHECK(b.idle());
  CHECK(b.t.stack().connections() == 0);
}

TEST_CASE("Fallback: RSTs are rate-limited, and the limiter counts", "[fallback-21]") {
  Bench b({}, [](Config& config) { config.resets = {.per_second = 10, .burst = 5}; });
  Calls calls;
  const auto handle = b.fallback.register_handler(declining(calls));
  const auto burst = [&](int size) {
    int answers = 0;
    for (int i = 0; i < size; ++i) {
      b.t.inject("S " + std::to_string(calls.count() * 10) + ":" + std::to_string(calls.count() * 10) + "(0) win 1");
      while (b.t.stack().transmit(b.t.now())) ++answers;
    }
    return answers;
  };
  CHECK(burst(8) == 5);
  CHECK(b.t.stack().statistics().dropped(Drop::reply_rate_limited) == 3);
  b.advance(100ms);
  CHECK(burst(8) == 1);
  b.advance(10s);
  CHECK(burst(8) == 5);
  CHECK(b.t.stack().statistics().dropped(Drop::reply_rate_limited) == 13);
  CHECK(calls.count() == 24);    // who is asked does not hang on it
  b.t.inject(". 7:7(0) ack 7");  // a stray shares the limit
  b.t.silence();
}

TEST_CASE("Fallback: ICMP errors are rate-limited, and the limiter counts", "[fallback-21]") {
  Bench b({}, [](Config& config) { config.icmp_errors = {.per_second = 2, .burst = 1}; });
  Calls calls;
  const auto handle = b.fallback.register_handler(refusing(calls, {.kind = Refusal::Kind::unreachable}));
  b.syn();
  b.t.expect("icmp: 10.0.0.2 tcp port 7 unreachable [seq 0]");
  b.syn();
  b.t.silence();
  CHECK(b.t.stack().statistics().dropped(Drop::reply_rate_limited) == 1);
  b.advance(500ms);
  b.syn();
  b.t.expect("icmp: 10.0.0.2 tcp port 7 unreachable [seq 0]");
}

}  // namespace
}  // namespace backstop::test
