// SYN cookies (RFC 4987): above the limit on half-open connections nothing is kept, and whoever is there is served.
#include "stack/tcp/syn_cookie.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;
using wire::Flag;

void always(Config& config) { config.syn_cookies_from = 0; }

// The listener of the scenario answers with a cookie, and the peer brings it back.
void establish_by_cookie(Scenario& t, std::string_view syn = "S  0:0(0) win 65535 <mss 1460>",
                         std::string_view ack = ".  1:1(0) ack 1") {
  t.inject(syn);
  t.take_packet();
  REQUIRE(t.stack().connections() == 0);
  t.inject(ack);
  REQUIRE(t.stack().connections() == 1);
}

TEST_CASE("SYN cookies: from so many half-open connections on, a SYN takes no memory", "[4987]") {
  Scenario t{[](Config& config) { config.syn_cookies_from = 2; }};
  for (std::uint16_t port = 1001; port <= 1003; ++port) {
    t.between(80, port);
    t.inject("S  0:0(0) win 65535 <mss 1460>");
    t.expect("S. 0:0(0) ack 1");
  }
  CHECK(t.stack().connections() == 2);
  CHECK(t.stack().statistics().passive_opens == 2);
  CHECK(t.stack().statistics().syn_cookies_sent == 1);
  t.inject(".  1:1(0) ack 1");
  CHECK(t.accept().remote().port == 1003);
  CHECK(t.stack().statistics().syn_cookies_taken == 1);

  t.between(80, 1001);
  t.inject(".  1:1(0) ack 1");  // one less is half-open, so the next SYN is remembered again
  t.between(80, 1004);
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.ignore_sent();
  CHECK(t.stack().statistics().syn_cookies_sent == 1);
  CHECK(t.stack().connections() == 4);
}

TEST_CASE("SYN cookies: so does one that finds the listener's backlog full of half-open connections", "[4987]") {
  Scenario t;
  auto listener = t.stack().listen({Ipv4Address{}, 81}, {.backlog = 1});
  for (std::uint16_t port = 1001; port <= 1002; ++port) {
    t.between(81, port);
    t.inject("S  0:0(0) win 65535 <mss 1460>");
    t.expect("S. 0:0(0) ack 1");
  }
  CHECK(t.stack().connections() == 1);
  CHECK(t.stack().statistics().syn_cookies_sent == 1);
  t.between(80, 1003);  // other listeners are not concerned
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  CHECK(t.stack().statistics().syn_cookies_sent == 1);
}

TEST_CASE("SYN cookies: the SYN,ACK is sent once", "[4987]") {
  Scenario t{always};
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.silence(10min);
  CHECK(t.stack().connections() == 0);
}

TEST_CASE("SYN cookies: an ACK makes the connection, whatever else it carries", "[4987]") {
  Scenario t{always};
  SECTION("nothing") {
    establish_by_cookie(t);
    t.silence();
    t.state(State::established);
  }
  SECTION("text") {
    establish_by_cookie(t, "S  0:0(0) win 65535 <mss 1460>", "P. 1:101(100) ack 1");
    t.expect(".  1:1(0) ack 101");
    t.read(100);
  }
  SECTION("FIN") {
    establish_by_cookie(t, "S  0:0(0) win 65535 <mss 1460>", "F. 1:1(0) ack 1");
    t.expect(".  1:1(0) ack 2");
    t.state(State::close_wait);
    t.read_end();
  }
  SECTION("text and FIN") {
    establish_by_cookie(t, "S  0:0(0) win 65535 <mss 1460>", "FP. 1:101(100) ack 1");
    t.expect(".  1:1(0) ack 102");
    t.read(100);
    t.read_end();
  }
  CHECK(t.stack().statistics().connections_established == 1);
  CHECK(t.stack().statistics().syn_cookies_taken == 1);
}

TEST_CASE("SYN cookies: a connection from one is like any other", "[4987]") {
  Scenario t{always};
  establish_by_cookie(t);
  t.write(1000);
  t.expect("P. 1:1001(1000) ack 1");
  t.inject("P. 1:501(500) ack 1001");
  t.expect(".  1001:1001(0) ack 501");
  t.read(500);
  t.close();
  t.expect("F. 1001:1001(0) ack 501");
  t.inject("F. 501:501(0) ack 1002");
  t.expect(".  1002:1002(0) ack 502");
  t.state(State::time_wait);
}

TEST_CASE("SYN cookies: neither SYN,ACK nor RST brings one back", "[4987]") {
  Scenario t{always};
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject("S. 1:1(0) ack 1 win 65535");
  t.expect("R  1:1(0)");
  t.inject("R. 1:1(0) ack 1");
  t.silence();
  CHECK(t.stack().connections() == 0);
}

TEST_CASE("SYN cookies: a wrong one is a stray ACK", "[4987]") {
  Scenario t{always};
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  SECTION("another acknowledgment") {
    t.inject(".  1:1(0) ack 2");
    t.expect("R  2:2(0)");
  }
  SECTION("another sequence number") {
    t.inject(".  2:2(0) ack 1");
    t.expect("R  1:1(0)");
  }
  SECTION("another size") {
    t.inject(".  1:1(0) ack " + std::to_string(1 + (1u << 28)));
    t.expect("R");
  }
  SECTION("another peer") {
    const Packet stolen = t.build(".  1:1(0) ack 1");
    const auto segment = *wire::parse_segment(*wire::parse_ipv4(stolen));
    t.inject_packet(
        tcp_packet({.source = Ipv4Address::of(10, 0, 0, 66), .destination = Scenario::default_local.address}, segment));
    CHECK(wire::parse_segment(*wire::parse_ipv4(t.take_packet()))->rst());
  }
  CHECK(t.stack().connections() == 0);
  CHECK(t.stack().statistics().syn_cookies_failed == 1);
}

TEST_CASE("SYN cookies: one holds for a minute, and not for more than two", "[4987]") {
  Scenario t{always};
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  SECTION("young") {
    t.advance(tcp::cookie_period);
    t.inject(".  1:1(0) ack 1");
    t.silence();
    t.state(State::established);
  }
  SECTION("old, while a fresh one is out") {
    t.advance(2 * tcp::cookie_period);
    t.between(80, 40'001);
    t.inject("S  0:0(0) win 65535 <mss 1460>");
    t.expect("S. 0:0(0) ack 1");
    t.between(80, 40'000);
    t.inject(".  1:1(0) ack 1");
    t.expect("R  1:1(0)");
    CHECK(t.stack().statistics().syn_cookies_failed == 1);
  }
}

TEST_CASE("SYN cookies: while none are out, not even a right one is believed", "[4987]") {
  Scenario t;
  const FourTuple tuple{Scenario::default_local, Scenario::default_remote};
  const std::uint32_t buffer = t.stack().config().tcp.receive_buffer;
  const Packet syn = t.build("S  0:0(0) win 65535 <mss 1460>");
  const auto abridged = tcp::abridge(*wire::parse_segment(*wire::parse_ipv4(syn)));
  const SeqNum isn = tcp::cookie_isn(t.stack().config().secret, tuple, buffer, abridged, t.now());
  wire::Segment ack = abridged;
  ack.flags = Flag::ack;
  ack.options = {};
  ack.seq += 1;
  ack.ack = isn + 1;
  REQUIRE(tcp::syn_of_cookie(t.stack().config().secret, tuple, buffer, ack, t.now()));
  const Packet packet =
      tcp_packet({.source = Scenario::default_remote.address, .destination = Scenario::default_local.address}, ack);
  t.inject_packet(packet);
  CHECK(wire::parse_segment(*wire::parse_ipv4(t.take_packet()))->rst());
  CHECK(t.stack().connections() == 0);
}

TEST_CASE("SYN cookies: with timestamps, window scale, SACK and ECN are kept", "[4987]") {
  Scenario t{always};
  t.inject("SEW 0:0(0) win 65535 <mss 1400,sackOK,TS val 1000 ecr 0,wscale 7>");
  const wire::Segment& syn_ack = t.expect("S.E 0:0(0) ack 1 <mss 1460,sackOK,TS ecr 1000,wscale 5>");
  CHECK(syn_ack.options.timestamps.has_value());
  t.inject(".  1:1(0) ack 1 win 100");
  REQUIRE(t.stack().connections() == 1);
  const ConnectionInfo info = t.stream().info();
  CHECK(info.timestamps);
  CHECK(info.selective_acks);
  CHECK(info.send_scale == 7);
  CHECK(info.receive_scale == 5);
  CHECK(info.send_window == 100 << 7);
  CHECK(info.peer_mss == 1380);
  t.write(100);
  t.expect("[ect0] P. 1:101(100) ack 1");
  t.inject(".  11:21(10) ack 101");  // a hole, so that a SACK block is due
  t.expect(".  101:101(0) ack 1 <sack 11:21,TS>");
}

TEST_CASE("SYN cookies: without timestamps, the MSS is all that is agreed on", "[4987]") {
  Scenario t{always};
  t.inject("SEW 0:0(0) win 65535 <mss 1400,sackOK,wscale 7>");
  t.expect("S. 0:0(0) ack 1 <mss 1460>");
  t.inject(".  1:1(0) ack 1 win 100");
  REQUIRE(t.stack().connections() == 1);
  const ConnectionInfo info = t.stream().info();
  CHECK_FALSE(info.timestamps);
  CHECK_FALSE(info.selective_acks);
  CHECK(info.send_scale == 0);
  CHECK(info.send_window == 100);
  CHECK(info.peer_mss == 1380);
}

TEST_CASE("SYN cookies: an MSS is rounded down to one of eight", "[4987]") {
  struct Row {
    std::string_view option;
    std::uint32_t kept;
  };
  const auto [option, kept] = GENERATE(values<Row>({{"<>", 536},
                                                    {"<mss 0>", 536},
                                                    {"<mss 1>", 48},
                                                    {"<mss 535>", 48},
                                                    {"<mss 536>", 536},
                                                    {"<mss 1239>", 536},
                                                    {"<mss 1240>", 1240},
                                                    {"<mss 1379>", 1240},
                                                    {"<mss 1380>", 1380},
                                                    {"<mss 1439>", 1380},
                                                    {"<mss 1440>", 1440},
                                                    {"<mss 1452>", 1452},
                                                    {"<mss 1460>", 1460},
                                                    {"<mss 8959>", 1460},
                                                    {"<mss 8960>", 8960},
                                                    {"<mss 65495>", 8960}}));
  Scenario t{{1'000'000, 2'000'000}, always};
  establish_by_cookie(t, "S 0:0(0) win 65535 " + std::string(option));
  CHECK(t.stream().info().peer_mss == kept);
}

TEST_CASE("SYN cookies: the window that the SYN,ACK told holds, though memory has run low since", "[4987]") {
  Scenario t{[](Config& config) {
    config.syn_cookies_from = 0;
    config.blocks = 16;
    config.block_size = 1024;
  }};
  establish_by_cookie(t);
  t.between(80, 40'001);
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1 win 65535");
  t.between(80, 40'000);
  for (int i = 0; i < 4; ++i) {
    const std::string from = std::to_string(1 + i * 1460);
    const std::string to = std::to_string(1461 + i * 1460);
    t.inject("P. " + from + ":" + to + "(1460) ack 1");
  }
  t.ignore_sent();
  t.between(80, 40'001);
  t.inject("P. 1:11(10) ack 1");
  t.expect(".  1:1(0) ack 11 win 65525");  // no right edge that moves left (SHLD-14)
}

TEST_CASE("SYN cookies: text in the SYN is left to be sent again", "[4987]") {
  Scenario t{always};
  t.inject("S  0:100(100) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject("P. 1:101(100) ack 1");
  t.expect(".  1:1(0) ack 101");
  t.read(100);
}

TEST_CASE("SYN cookies: an ACK without timestamps, though the SYN had them, is not left in silence", "[4987]") {
  Scenario t{always};
  t.inject("S  0:0(0) win 65535 <mss 1460,TS val 1 ecr 0>");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1 <>");
  t.expect("R  1:1(0)");
}

TEST_CASE("SYN cookies: when as many as may wait for accept() do, the ACK is dropped and may come again", "[4987]") {
  Scenario t{always};
  auto listener = t.stack().listen({Ipv4Address{}, 81}, {.backlog = 1});
  for (std::uint16_t port = 1001; port <= 1002; ++port) {
    t.between(81, port);
    t.inject("S  0:0(0) win 65535 <mss 1460>");
    t.expect("S. 0:0(0) ack 1");
  }
  t.between(81, 1001);
  t.inject(".  1:1(0) ack 1");
  t.between(81, 1002);
  t.inject(".  1:1(0) ack 1");
  t.silence();
  CHECK(t.stack().connections() == 1);
  CHECK(t.stack().statistics().dropped(Drop::tcp_backlog_full) == 1);
  const auto first = listener->accept();
  REQUIRE(first);
  t.inject("P. 1:11(10) ack 1");
  t.expect(".  1:1(0) ack 11");
  const auto second = listener->accept();
  REQUIRE(second);
  CHECK(second->remote().port == 1002);
}

TEST_CASE("SYN cookies: without a free slot the ACK is dropped and may come again", "[4987]") {
  Scenario t{[](Config& config) {
    config.syn_cookies_from = 0;
    config.max_connections = 1;
  }};
  for (std::uint16_t port = 1001; port <= 1002; ++port) {
    t.between(80, port);
    t.inject("S  0:0(0) win 65535 <mss 1460>");
    t.expect("S. 0:0(0) ack 1");
  }
  t.inject(".  1:1(0) ack 1");
  CHECK(t.stack().connections() == 1);
  t.between(80, 1001);
  t.inject(".  1:1(0) ack 1");
  t.silence();
  CHECK(t.stack().statistics().dropped(Drop::tcp_no_resources) == 1);
}

// --- The numbers themselves.

constexpr tcp::Secret secret{1, 2, 3};
constexpr std::uint32_t buffer = 1 << 20;
constexpr FourTuple tuple{Scenario::default_local, Scenario::default_remote};

wire::Segment random_syn(Random& random) {
  wire::Segment syn{.source_port = tuple.remote.port,
                    .destination_port = tuple.local.port,
                    .seq = SeqNum{static_cast<std::uint32_t>(random.next())},
                    .flags = Flag::syn};
  if (random.chance(0.9)) syn.options.mss = static_cast<std::uint16_t>(random.below(10'000));
  if (random.chance(0.8)) syn.options.window_scale = static_cast<std::uint8_t>(random.below(20));
  if (random.chance(0.8)) syn.options.timestamps = {static_cast<std::uint32_t>(random.next()), 0};
  syn.options.sack_permitted = random.chance(0.8);
  if (random.chance(0.5)) syn.flags = syn.flags | Flag::ece | Flag::cwr;
  return tcp::abridge(syn);
}

// The peer's acknowledgment of the SYN,ACK that answers `syn`.
wire::Segment acknowledgment(const wire::Segment& syn, std::uint32_t tsval, Instant now) {
  wire::Segment ack{.source_port = tuple.remote.port,
                    .destination_port = tuple.local.port,
                    .seq = syn.seq + 1,
                    .ack = tcp::cookie_isn(secret, tuple, buffer, syn, now) + 1,
                    .flags = Flag::ack};
  if (syn.options.timestamps) {
    ack.options.timestamps = {syn.options.timestamps->value + 5, tcp::cookie_timestamp(syn, tsval)};
  }
  return ack;
}

TEST_CASE("SYN cookie: what it remembers is read back, for any SYN, clock and time", "[4987]") {
  Random random{1};
  for (int round = 0; round < 20'000; ++round) {
    const wire::Segment syn = random_syn(random);
    const auto tsval = static_cast<std::uint32_t>(random.next());
    const Instant now{std::chrono::milliseconds{random.below(1u << 30)} - 6h};
    const auto delay = std::chrono::milliseconds{random.below(64'001)};
    const wire::Segment ack = acknowledgment(syn, tsval, now);
    const auto back = tcp::syn_of_cookie(secret, tuple, buffer, ack, now + delay);
    REQUIRE(back);
    CHECK(back->seq == syn.seq);
    CHECK(back->flags == syn.flags);
    CHECK(back->options.mss == syn.options.mss);
    CHECK(back->options.window_scale == syn.options.window_scale);
    CHECK(back->options.sack_permitted == syn.options.sack_permitted);
    REQUIRE(back->options.timestamps.has_value() == syn.options.timestamps.has_value());
    if (back->options.timestamps) CHECK(back->options.timestamps->value == syn.options.timestamps->value + 5);
    CHECK_FALSE(tcp::syn_of_cookie(secret, tuple, buffer, ack, now + 128s));
  }
}

TEST_CASE("SYN cookie: no bit of what comes back may change", "[4987]") {
  Random random{2};
  constexpr Instant now{1h};
  for (int round = 0; round < 200; ++round) {
    const wire::Segment ack = acknowledgment(random_syn(random), static_cast<std::uint32_t>(random.next()), now);
    const auto taken = [&](const wire::Segment& changed, const FourTuple& where = tuple, tcp::Secret key = secret) {
      return tcp::syn_of_cookie(key, where, buffer, changed, now).has_value();
    };
    REQUIRE(taken(ack));
    for (std::uint32_t bit = 0; bit < 32; ++bit) {
      wire::Segment changed = ack;
      changed.ack = SeqNum{((ack.ack - 1).value() ^ (1u << bit)) + 1};
      CHECK_FALSE(taken(changed));
      changed = ack;
      changed.seq = SeqNum{ack.seq.value() ^ (1u << bit)};
      CHECK_FALSE(taken(changed));
    }
    if (ack.options.timestamps) {
      for (std::uint32_t bit = 0; bit < 6; ++bit) {
        wire::Segment changed = ack;
        changed.options.timestamps->echo ^= 1u << bit;
        CHECK_FALSE(taken(changed));
      }
    }
    FourTuple other = tuple;
    ++other.remote.port;
    CHECK_FALSE(taken(ack, other));
    other = tuple;
    ++other.local.port;
    CHECK_FALSE(taken(ack, other));
    other = tuple;
    ++other.remote.address.value;
    CHECK_FALSE(taken(ack, other));
    CHECK_FALSE(taken(ack, tuple, {9}));
    CHECK_FALSE(tcp::syn_of_cookie(secret, tuple, buffer / 2, ack, now));
  }
}

TEST_CASE("SYN cookie: its timestamp is never ahead of the clock, and never far behind", "[4987]") {
  Random random{3};
  for (int round = 0; round < 1000; ++round) {
    const auto tsval = static_cast<std::uint32_t>(random.next());
    const std::uint32_t behind = tsval - tcp::cookie_timestamp(random_syn(random), tsval);
    CHECK(behind <= 63);
  }
}

}  // namespace
}  // namespace backstop::test
