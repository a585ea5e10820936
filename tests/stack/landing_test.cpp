// Text that a device reads straight to its place. A stack that offers places comes to the same as one whose device
// reads whole packets: the same packets in, lost, repeated and out of order, for connections that take turns and are
// read at times only, bring the same text, the same packets out and the same counts, and no block is kept for nothing.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "stack/stack.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/packets.hpp"
#include "tests/support/random.hpp"

using namespace backstop;
using test::Packet;
using test::Random;

namespace {

constexpr Ipv4Address ours = Ipv4Address::of(10, 0, 0, 2);
constexpr std::uint16_t port = 9;
constexpr Offload verified{.checksum_partial = true, .gso_size = 1448};

Config configuration(Ipv4Address address, std::uint32_t blocks) {
  Config config;
  config.address = address;
  config.max_connections = 16;
  config.blocks = blocks;
  config.block_size = 1024;
  config.coroutine_memory = 0;
  config.checksum_offload = true;
  config.segmentation_offload = 65'000;
  config.tcp.initial_receive_window = 1 << 20;
  config.tcp.receive_buffer = 1 << 20;
  return config;
}

/// Who accepts connections, and reads them when he likes.
class Host {
 public:
  explicit Host(std::uint32_t blocks) : stack(configuration(ours, blocks)), listener(*stack.listen({{}, port})) {}

  void accept() {
    while (const auto event = stack.next_event()) {
      if (event->what.acceptable) readers.push_back({*listener.accept()});
    }
  }
  std::vector<Packet> send(Instant now) {
    std::vector<Packet> sent;
    while (const auto packet = stack.transmit(now)) sent.push_back(test::flatten(*packet));
    return sent;
  }

  struct Reader {
    Stream stream;
    std::uint64_t offset = 0;
    bool done = false;

    void read(std::size_t most) {
      while (most > 0 && !done) {
        const auto text = stream.peek();
        if (!text) return;
        done = text->empty();
        const Bytes part = text->first(std::min(most, text->size()));
        REQUIRE(test::is_text(offset, part));
        stream.consume(part.size());
        offset += part.size();
        most -= part.size();
      }
    }
  };

  Stack stack;
  Listener listener;
  std::vector<Reader> readers;
};

/// What a device does that can read to several places at once.
struct ScatteringReader {
  void deliver(Stack& stack, Bytes packet, Offload offload, Instant now) {
    const Landing landing = stack.landing();
    ++(landing.text.empty() ? not_offered : offered);
    scatter(packet, landing);
    if (!landing.text.empty() && stack.receive_landed({Bytes{buffer}.first(packet.size()), offload}, now)) {
      ++landed;
      return;
    }
    gather(packet.size(), landing);
    REQUIRE(std::ranges::equal(packet, Bytes{buffer}.first(packet.size())));
    stack.receive({Bytes{buffer}.first(packet.size()), offload}, now);
  }

  void scatter(Bytes packet, const Landing& landing) {
    buffer.fill(std::byte{0xdd});
    const Bytes headers = packet.first(std::min(packet.size(), landing.headers));
    std::ranges::copy(headers, buffer.begin());
    std::size_t at = headers.size();
    for (const MutableBytes piece : landing.text) {
      const Bytes part = packet.subspan(at, std::min(piece.size(), packet.size() - at));
      std::ranges::copy(part, piece.begin());
      at += part.size();
    }
    std::ranges::copy(packet.subspan(at), buffer.begin() + static_cast<std::ptrdiff_t>(at));
  }

  void gather(std::size_t size, const Landing& landing) {
    std::size_t at = landing.headers;
    for (const MutableBytes piece : landing.text) {
      if (at >= size) return;
      const std::size_t part = std::min(piece.size(), size - at);
      std::memcpy(&buffer[at], piece.data(), part);
      at += part;
    }
  }

  std::array<std::byte, wire::max_datagram_size> buffer{};
  std::uint64_t offered = 0, not_offered = 0, landed = 0;
};

struct Writer {
  Stream stream;
  std::uint64_t offset = 0;

  void write(std::size_t size) {
    const auto text = test::text(offset, size);
    offset += stream.write(text).value_or(0);
  }
};

struct Story {
  explicit Story(std::uint64_t seed)
      : random(seed),
        by_packets(random.chance(0.5) ? 4096 : 300),
        by_landing(by_packets.stack.config().blocks),
        peer(configuration(Ipv4Address::of(10, 0, 0, 1), 4096)) {}

  void arrives(const Packet& packet) {
    const Offload offload = random.chance(0.02) ? Offload{} : verified;
    Packet bytes = packet;
    if (!offload.checksum_partial) test::finish_checksum(bytes);
    by_packets.stack.receive({bytes, offload}, now);
    reader.deliver(by_landing.stack, bytes, offload, now);
    if (!random.chance(0.02)) return;
    (void)by_landing.stack.landing();  // and nothing has come
    by_landing.stack.release_landing();
  }

  void to_us() {
    std::vector<Packet> under_way;
    while (const auto packet = peer.transmit(now)) {
      if (random.chance(loss)) continue;
      under_way.push_back(test::flatten(*packet));
      if (random.chance(loss)) under_way.push_back(under_way.back());
    }
    if (under_way.size() > 1 && random.chance(loss)) std::swap(under_way.front(), under_way.back());
    for (const Packet& packet : under_way) arrives(packet);
  }

  void read() {
    by_packets.accept();
    by_landing.accept();
    REQUIRE(by_packets.readers.size() == by_landing.readers.size());
    for (std::size_t i = 0; i < by_packets.readers.size(); ++i) {
      const std::size_t most = random.chance(0.3) ? 0 : random.below(200'000);
      by_packets.readers[i].read(most);
      by_landing.readers[i].read(most);
      REQUIRE(by_packets.readers[i].offset == by_landing.readers[i].offset);
    }
  }

  void answer() {
    const auto sent = by_packets.send(now);
    REQUIRE(sent == by_landing.send(now));
    const Statistics& counts = by_packets.stack.statistics();
    REQUIRE(std::memcmp(&counts, &by_landing.stack.statistics(), sizeof counts) == 0);
    REQUIRE(by_packets.stack.blocks_in_use() == by_landing.stack.blocks_in_use());
    REQUIRE(by_packets.stack.next_deadline() == by_landing.stack.next_deadline());
    for (const Packet& packet : sent) peer.receive({packet, verified}, now);
  }

  void write() {
    for (Writer& writer : writers) {
      if (random.chance(0.7)) writer.write(random.below(random.chance(0.2) ? 2000 : 150'000));
      if (random.chance(0.01)) (void)writer.stream.close();
    }
    while (peer.next_event()) continue;
  }

  Random random;
  double loss = random.chance(0.5) ? 0.02 : 0.0;
  Instant now{std::chrono::seconds{1}};
  Host by_packets;
  Host by_landing;
  Stack peer;
  ScatteringReader reader;
  std::vector<Writer> writers;
};

/// How many packets landed, of how many.
std::pair<std::uint64_t, std::uint64_t> live(std::uint64_t seed) {
  Story story(seed);
  const std::uint64_t connections = 1 + seed % 3;
  for (std::uint64_t i = 0; i < connections; ++i) {
    story.writers.push_back({std::move(*story.peer.connect({ours, port}, story.now))});
  }
  for (int step = 0; step < 200; ++step) {
    CAPTURE(seed, step);
    story.to_us();
    story.read();
    story.answer();
    story.write();
    story.now += std::chrono::microseconds{story.random.below(story.random.chance(0.1) ? 400'000 : 2000)};
  }
  return {story.reader.landed, story.reader.offered + story.reader.not_offered};
}

}  // namespace

TEST_CASE("Landing: text that is read straight to its place comes to the same as whole packets") {
  std::uint64_t landed = 0, all = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto [these, of] = live(seed);
    landed += these;
    all += of;
  }
  CAPTURE(all);
  CHECK(landed > all / 8);
}

TEST_CASE("Landing: places that are not used go back, and a connection that is gone is offered none") {
  Story story(1);
  story.writers.push_back({std::move(*story.peer.connect({ours, port}, story.now))});
  for (int i = 0; i < 20; ++i) {
    story.to_us();
    story.read();
    story.answer();
    story.writers[0].write(60'000);
  }
  Stack& stack = story.by_landing.stack;
  story.by_landing.readers[0].read(1'000'000);
  REQUIRE(stack.blocks_in_use() == 0);

  REQUIRE_FALSE(stack.landing().text.empty());
  CHECK(stack.blocks_in_use() >= 63);
  stack.release_landing();
  CHECK(stack.blocks_in_use() == 0);

  REQUIRE_FALSE(stack.landing().text.empty());
  const Packet other = test::tcp_packet({.source = Ipv4Address::of(10, 0, 0, 1), .destination = ours}, {});
  CHECK_FALSE(stack.receive_landed({other, verified}, story.now));
  CHECK(stack.blocks_in_use() == 0);

  story.by_landing.readers[0].stream = Stream{};
  while (stack.transmit(story.now)) continue;
  stack.abort({0, 1, false});
  CHECK(stack.connections() == 0);
  CHECK(stack.landing().text.empty());
}
