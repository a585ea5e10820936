// Handles and events: a stale handle gets an error, never somebody else's connection, and every change is told once.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("handles: an empty one says that the connection does not exist", "[3.10]") {
  Stream stream;
  std::array<std::byte, 1> octet{};
  CHECK_FALSE(stream);
  CHECK(stream.state() == State::closed);
  CHECK(stream.read(octet).error() == Error::connection_does_not_exist);
  CHECK(stream.write(octet).error() == Error::connection_does_not_exist);
  CHECK(stream.close().error() == Error::connection_does_not_exist);
  CHECK(stream.peek().error() == Error::connection_does_not_exist);
  CHECK(stream.write_space().error() == Error::connection_does_not_exist);
  stream.abort();
  stream.reset();
  Listener listener;
  CHECK(listener.accept().error() == Error::connection_does_not_exist);
}

TEST_CASE("handles: moved-from is empty, moved-to lives") {
  Scenario t;
  t.establish();
  Stream moved = std::move(t.stream());
  CHECK(moved.state() == State::established);
  Stream other;
  other = std::move(moved);
  CHECK_FALSE(moved);  // NOLINT(bugprone-use-after-move)
  CHECK(other.state() == State::established);
  t.silence();
}

TEST_CASE("handles: a closed connection's handle tells why, for as long as it is held") {
  Scenario t;
  t.establish();
  t.inject("P. 1:11(10) ack 1");
  t.inject("R  11:11(0)");
  t.ignore_sent();
  t.state(State::closed);
  t.read_error(Error::connection_reset);
  t.read_error(Error::connection_reset);
  CHECK(t.stack().connections() == 1);
  t.drop_stream();
  CHECK(t.stack().connections() == 0);
  t.silence();
}

TEST_CASE("handles: the slot's next connection is not the old handle's") {
  Scenario t{[](Config& config) { config.max_connections = 1; }};
  t.establish();
  const HandleId old = t.stream().id();
  t.abort();
  t.ignore_sent();
  t.drop_stream();
  t.between(80, 40'001);
  t.establish();
  CHECK(t.stream().id().slot == old.slot);
  CHECK(t.stream().id().generation != old.generation);
  CHECK_FALSE(t.news(old).any());
}

TEST_CASE("handles: letting a listener go twice, and streams in any order, is fine") {
  Scenario t;
  t.establish();
  t.listener().reset();
  t.listener().reset();
  t.drop_stream();
  t.drop_stream();
  t.expect("F. 1:1(0) ack 1");
  t.silence();
}

TEST_CASE("events: each change is told once") {
  Scenario t;
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  CHECK_FALSE(t.stack().next_event().has_value());
  t.inject(".  1:1(0) ack 1");
  const HandleId listener = t.listener().id();
  CHECK(t.news(listener).acceptable);
  CHECK_FALSE(t.news(listener).any());

  const HandleId stream = t.stream().id();
  t.news(stream);
  t.inject("P. 1:11(10) ack 1");
  CHECK(t.news(stream).readable);
  CHECK_FALSE(t.news(stream).any());
  t.inject("F. 11:11(0) ack 1");
  CHECK(t.news(stream).readable);
  t.inject("R  12:12(0)");
  CHECK(t.news(stream).closed);
  CHECK_FALSE(t.news(stream).any());
  t.ignore_sent();
}

TEST_CASE("events: text that came before accept is not forgotten") {
  Scenario t;
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  t.inject("P. 1:11(10) ack 1");
  Stream& stream = t.stream();
  CHECK(t.news(stream.id()).readable);
  t.read(10);
}

TEST_CASE("events: a writer whom the pool had nothing for is told when it has") {
  Scenario t{[](Config& config) {
    config.blocks = 16;
    config.block_size = 1024;
  }};
  t.establish();
  t.between(80, 40'001);
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  t.expect("S. 0:0(0) ack 1");
  t.inject(".  1:1(0) ack 1");
  Stream other = t.accept();
  t.between(80, 40'000);
  const auto all = text(0, 100'000);
  const auto taken = t.stream().write(all);
  REQUIRE(taken.has_value());
  CHECK(*taken >= 10 * 1024);
  CHECK(*taken <= 12 * 1024);               // a quarter is kept for what arrives
  CHECK(other.write(all).value() == 1024);  // each connection may hold one block, however few there are
  CHECK(other.write(all).error() == Error::would_block);
  t.ignore_sent();
  t.news(other.id());
  CHECK_FALSE(t.news(other.id()).writable);
  t.inject(".  1:1(0) ack 5001");  // the other connection's peer makes room for this one
  t.ignore_sent();
  CHECK(t.news(other.id()).writable);
  CHECK(other.write(all).has_value());
}

TEST_CASE("events: a stack whose users have filled the pool still takes what arrives") {
  Scenario t{[](Config& config) {
    config.blocks = 16;
    config.block_size = 1024;
  }};
  t.establish();
  REQUIRE(t.stream().write(text(0, 100'000)).has_value());
  t.ignore_sent();
  t.inject("P. 1:1001(1000) ack 1");
  t.read(1000);
}

TEST_CASE("streams: reading and writing in place") {
  Scenario t;
  t.establish();
  t.inject("P. 1:101(100) ack 1");
  Stream& stream = t.stream();
  const auto piece = stream.peek();
  REQUIRE(piece.has_value());
  REQUIRE(piece->size() == 100);
  CHECK(is_text(0, *piece));
  stream.consume(40);
  CHECK(is_text(40, *stream.peek()));
  CHECK(stream.info().unread == 60);
  stream.consume(60);
  CHECK(stream.peek().error() == Error::would_block);

  const auto room = stream.write_space();
  REQUIRE(room.has_value());
  REQUIRE(room->size() >= 10);
  std::ranges::copy(text(0, 10), room->begin());
  stream.commit(10);
  CHECK(is_text(0, t.expect("P. 1:11(10) ack 101").text));
}

TEST_CASE("streams: what was written in place of a connection that was closed meanwhile is not taken") {
  Scenario t;
  t.establish();
  REQUIRE(t.stream().write_space().has_value());
  SECTION("by the peer") {
    t.inject("R  1:1(0)");
    t.stream().commit(10);
    CHECK(t.stream().state() == State::closed);
  }
  SECTION("by its user") {
    REQUIRE(t.stream().close().has_value());
    t.stream().commit(10);
    t.expect("F. 1:1(0) ack 1");
  }
  t.silence();
}

TEST_CASE("streams: an empty buffer reads and writes nothing") {
  Scenario t;
  t.establish();
  CHECK(t.stream().write({}).value_or(1) == 0);
  t.inject("P. 1:11(10) ack 1");
  CHECK(t.stream().read({}).value_or(1) == 0);
  CHECK(t.stream().info().unread == 10);
}

TEST_CASE("stack: a configuration that cannot work is refused") {
  const auto with = [](auto change) {
    Config config;
    config.address = Scenario::default_local.address;
    config.blocks = 16;
    config.max_connections = 4;
    config.coroutine_memory = 0;
    change(config);
    Stack stack{config};
  };
  CHECK_NOTHROW(with([](Config&) {}));
  CHECK_THROWS_AS(with([](Config& config) { config.mtu = 20; }), std::invalid_argument);
  CHECK_THROWS_AS(with([](Config& config) { config.max_connections = 0; }), std::invalid_argument);
  CHECK_THROWS_AS(with([](Config& config) { config.block_size = 1000; }), std::invalid_argument);
  CHECK_THROWS_AS(with([](Config& config) { config.tcp.maximum_rto = Duration{1}; }), std::invalid_argument);
}

TEST_CASE("stack: any-IP answers for every unicast address and keeps the one that was asked for") {
  Scenario t{[](Config& config) { config.any_ip = true; }};
  const wire::Segment syn{.source_port = 40'000,
                          .destination_port = 80,
                          .seq = SeqNum{1},
                          .ack = {},
                          .flags = wire::Flag::syn,
                          .window = 1000,
                          .options = {},
                          .text = {}};
  const Ipv4Address asked = Ipv4Address::of(192, 0, 2, 77);
  t.inject_packet(tcp_packet({.source = Scenario::default_remote.address, .destination = asked}, syn));
  const Packet answer = t.take_packet();
  const auto datagram = wire::parse_ipv4(answer);
  CHECK(datagram->header.source == asked);
  CHECK(wire::parse_segment(*datagram)->syn());
}

}  // namespace
}  // namespace backstop::test
