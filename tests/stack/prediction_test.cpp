// A stack that a tap watches predicts no headers. It must come to the same as one that does: the same packets in, some
// of them damaged, out of order or not for us, bring the same packets out, and the same counts.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "stack/stack.hpp"
#include "stack/wire/checksum.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/packets.hpp"
#include "tests/support/random.hpp"

using namespace backstop;
using test::Packet;
using test::Random;

namespace {

constexpr Ipv4Address ours = Ipv4Address::of(10, 0, 0, 2);
constexpr std::uint16_t port = 7;

Config configuration(Ipv4Address address) {
  Config config;
  config.address = address;
  config.max_connections = 64;
  config.blocks = 128;
  config.block_size = 512;
  config.coroutine_memory = 0;
  return config;
}

/// Echoes all that its peers send, and closes when they do.
class Echo {
 public:
  Echo() : stack_(configuration(ours)), listener_(*stack_.listen({{}, port})) {}

  Stack& stack() { return stack_; }

  void run() {
    while (const auto event = stack_.next_event()) {
      if (event->what.acceptable) streams_.push_back(*listener_.accept());
    }
    for (Stream& stream : streams_) echo(stream);
  }

  std::vector<Packet> send(Instant now) {
    std::vector<Packet> sent;
    while (const auto packet = stack_.transmit(now)) sent.push_back(test::flatten(*packet));
    return sent;
  }

 private:
  static void echo(Stream& stream) {
    while (const auto text = stream.peek()) {
      const std::size_t taken = text->empty() ? 0 : stream.write(*text).value_or(0);
      stream.consume(taken);
      if (text->empty()) stream.reset();
      if (taken == 0) return;
    }
  }

  Stack stack_;
  Listener listener_;
  std::vector<Stream> streams_;
};

/// What a bad path makes of a packet.
void spoil(Packet& packet, Random& random) {
  packet[random.below(packet.size())] ^= std::byte{1} << random.below(8);
  if (random.chance(0.2)) packet.resize(random.below(packet.size() + 1));
  if (random.chance(0.2)) packet.resize(packet.size() + 1 + random.below(20));
}

/// Makes the IPv4 header's checksum right again, so that what was spoiled in it is met.
void seal_header(Packet& packet) {
  if (packet.size() < wire::ipv4_header_size) return;
  wire::store16(packet, 10, 0);
  wire::Checksum sum;
  sum.add(Bytes{packet}.first(wire::ipv4_header_size));
  wire::store16(packet, 10, sum.finish());
}

struct Story {
  explicit Story(std::uint64_t seed)
      : random(seed),
        tap(watched.stack().attach_tap({.segment = [this](auto&&...) { ++seen; }, .unmatched_syn = {}})),
        peer(configuration(Ipv4Address::of(10, 0, 0, 1))) {}

  void receive(const Packet& packet, Offload offload) {
    plain.stack().receive({packet, offload}, now);
    watched.stack().receive({packet, offload}, now);
  }

  void to_us() {
    while (const auto packet = peer.transmit(now)) {
      Packet bytes = test::flatten(*packet);
      const int copies = random.chance(0.05) ? 0 : random.chance(0.05) ? 2 : 1;
      for (int i = 0; i < copies; ++i) receive(bytes, {.checksum_partial = random.chance(0.1)});
      if (random.chance(0.7)) continue;
      spoil(bytes, random);
      if (random.chance(0.5)) seal_header(bytes);
      receive(bytes, {});
    }
  }

  void answer() {
    plain.run();
    watched.run();
    const auto sent = plain.send(now);
    REQUIRE(sent == watched.send(now));
    const Statistics& counts = plain.stack().statistics();
    REQUIRE(std::memcmp(&counts, &watched.stack().statistics(), sizeof counts) == 0);
    REQUIRE(plain.stack().blocks_in_use() == watched.stack().blocks_in_use());
    for (const Packet& packet : sent) {
      if (!random.chance(0.05)) peer.receive({packet, {}}, now);
    }
  }

  void talk(Stream& stream) {
    std::array<std::byte, 1500> text{};
    while (stream.read(text).value_or(0) > 0) continue;
    if (random.chance(0.7)) (void)stream.write(Bytes{text}.first(1 + random.below(random.chance(0.5) ? 20 : 1500)));
    if (random.chance(0.01)) stream = connect();
  }

  Stream connect() { return std::move(*peer.connect({ours, port}, now)); }

  Random random;
  Instant now{std::chrono::seconds{1}};
  std::uint64_t seen = 0;
  Echo plain;
  Echo watched;
  Tap tap;
  Stack peer;
};

void live(std::uint64_t seed) {
  Story story(seed);
  std::vector<Stream> streams;
  for (int i = 0; i < 3; ++i) streams.push_back(story.connect());
  for (int step = 0; step < 300; ++step) {
    CAPTURE(seed, step);
    story.to_us();
    story.answer();
    for (Stream& stream : streams) story.talk(stream);
    while (story.peer.next_event()) continue;
    story.now += std::chrono::microseconds{story.random.below(story.random.chance(0.1) ? 400'000 : 2000)};
  }
  CHECK(story.seen > 200);
  CHECK(story.plain.stack().statistics().segments_received == story.seen);
}

}  // namespace

TEST_CASE("Header prediction: a stack that is watched, and so predicts nothing, comes to the same") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) live(seed);
}
