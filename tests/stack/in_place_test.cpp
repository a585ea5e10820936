// write() and read() in one go are the same as writing and reading in place, piece by piece: to their user, and to the
// packet on the wire.
#include <algorithm>
#include <vector>

#include "stack/stack.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace backstop::test {
namespace {

using Count = std::expected<std::size_t, Error>;

Count write_in_place(Stream& stream, Bytes text) {
  std::size_t taken = 0;
  while (taken < text.size()) {
    const auto room = stream.write_space();
    if (!room && taken == 0) return std::unexpected(room.error());
    if (!room) break;
    const std::size_t part = std::min(room->size(), text.size() - taken);
    std::ranges::copy(text.subspan(taken, part), room->begin());
    stream.commit(part);
    taken += part;
  }
  return taken;
}

Count read_in_place(Stream& stream, MutableBytes buffer) {
  std::size_t taken = 0;
  while (taken < buffer.size()) {
    const auto text = stream.peek();
    if (!text && taken == 0) return std::unexpected(text.error());
    if (!text || text->empty()) break;
    const std::size_t part = std::min(text->size(), buffer.size() - taken);
    std::ranges::copy(text->first(part), buffer.begin() + static_cast<std::ptrdiff_t>(taken));
    stream.consume(part);
    taken += part;
  }
  return taken;
}

Count write_whole(Stream& stream, Bytes text) { return stream.write(text); }
Count read_whole(Stream& stream, MutableBytes buffer) { return stream.read(buffer); }

Config configuration(std::uint8_t last, std::uint32_t blocks) {
  Config config;
  config.address = Ipv4Address::of(10, 0, 0, last);
  config.max_connections = 4;
  config.blocks = blocks;
  config.block_size = 512;
  config.tcp.send_buffer = 3000;
  config.tcp.receive_buffer = 5000;
  config.coroutine_memory = 0;
  return config;
}

/// Two ends of a connection, and all that is to be seen of them.
class World {
 public:
  World(decltype(&write_whole) how_to_write, decltype(&read_whole) how_to_read, std::uint32_t blocks)
      : write_(how_to_write), read_(how_to_read), near_(configuration(1, blocks)), far_(configuration(2, blocks)) {
    listener_ = *far_.listen({{}, 7});
    streams_[0] = *near_.connect({far_.config().address, 7}, now_);
    while (carry(near_, far_) || carry(far_, near_)) {
    }
    streams_[1] = *listener_.accept();
  }

  Count write(std::size_t end, Bytes text) { return write_(streams_[end], text); }
  Count read(std::size_t end, MutableBytes buffer) { return read_(streams_[end], buffer); }
  void close(std::size_t end) { (void)streams_[end].close(); }
  void pass(std::size_t from, Duration time) {
    now_ += time;
    (void)(from == 0 ? carry(near_, far_) : carry(far_, near_));
  }

  /// Octets of every packet, and events, since this was asked last.
  std::vector<std::byte> take_seen() {
    note_events(near_);
    note_events(far_);
    return std::exchange(seen_, {});
  }

 private:
  bool carry(Stack& from, Stack& to) {
    bool any = false;
    while (const auto packet = from.transmit(now_)) {
      std::vector<std::byte> bytes(packet->headers.begin(), packet->headers.end());
      for (const Bytes piece : packet->text) bytes.insert(bytes.end(), piece.begin(), piece.end());
      seen_.insert(seen_.end(), bytes.begin(), bytes.end());
      to.receive({.bytes = bytes, .offload = {}}, now_);
      any = true;
    }
    return any;
  }
  void note_events(Stack& stack) {
    while (const auto event = stack.next_event()) {
      seen_.push_back(static_cast<std::byte>(event->id.slot));
      seen_.push_back(static_cast<std::byte>(event->what.readable | event->what.writable << 1 |
                                             event->what.established << 2 | event->what.closed << 3));
    }
  }

  decltype(&write_whole) write_;
  decltype(&read_whole) read_;
  Instant now_{};
  Stack near_;
  Stack far_;
  Listener listener_;
  std::array<Stream, 2> streams_;
  std::vector<std::byte> seen_;
};

void live(std::uint64_t seed) {
  Random random{seed};
  const auto blocks = static_cast<std::uint32_t>(random.chance(0.5) ? 12 : 64);
  std::array<World, 2> worlds{World{write_whole, read_whole, blocks}, World{write_in_place, read_in_place, blocks}};
  std::vector<std::byte> text(4000);
  for (std::byte& octet : text) octet = static_cast<std::byte>(random.next());
  for (int step = 0; step < 200; ++step) {
    CAPTURE(seed, step);
    const auto end = static_cast<std::size_t>(random.below(2));
    const auto size = static_cast<std::size_t>(random.below(random.chance(0.5) ? 10 : text.size()) + 1);
    const int what = random.chance(0.4) ? 0 : random.chance(0.5) ? 1 : 2;
    const bool closes = random.chance(0.005);
    const Duration time = std::chrono::milliseconds{random.below(60)};
    std::array<std::vector<std::byte>, 2> buffers{std::vector<std::byte>(size), std::vector<std::byte>(size)};
    std::array<Count, 2> counts;
    for (std::size_t i = 0; i < 2; ++i) {
      if (what == 0) counts[i] = worlds[i].write(end, Bytes{text}.first(size));
      if (what == 1) counts[i] = worlds[i].read(end, buffers[i]);
      if (what == 2) worlds[i].pass(end, time);
      if (closes) worlds[i].close(end);
    }
    REQUIRE(counts[0] == counts[1]);
    REQUIRE(buffers[0] == buffers[1]);
    REQUIRE(worlds[0].take_seen() == worlds[1].take_seen());
  }
}

TEST_CASE("streams: write and read in one go are the same as in place", "[3.10]") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) live(seed);
}

}  // namespace
}  // namespace backstop::test
