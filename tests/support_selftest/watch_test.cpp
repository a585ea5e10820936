#include "tests/support/watch.hpp"

#include <array>

#include "tests/support/catch.hpp"

namespace backstop::test {
namespace {

using wire::Flag;
using wire::Segment;

const wire::Ipv4Header from_us{.source = Ipv4Address::of(10, 0, 0, 2), .destination = Ipv4Address::of(10, 0, 0, 1)};
const wire::Ipv4Header from_peer{.source = Ipv4Address::of(10, 0, 0, 1), .destination = Ipv4Address::of(10, 0, 0, 2)};
constexpr std::array<std::byte, 3000> zeros{};

// A watch that has seen a handshake: ours begins at 0, the peer's at 100; its window is 1000 and its MSS 500.
struct Watched {
  Watch watch{1500};

  explicit Watched(std::optional<wire::Timestamps> timestamps = {}) {
    Segment syn{.seq = SeqNum{100}, .ack = {}, .flags = Flag::syn, .window = 1000, .options = {}, .text = {}};
    syn.options.mss = 500;
    syn.options.timestamps = timestamps;
    watch.received(from_peer, syn);
    Segment answer{.seq = SeqNum{0},
                   .ack = SeqNum{101},
                   .flags = Flag::syn | Flag::ack,
                   .window = 1000,
                   .options = {},
                   .text = {}};
    answer.options.timestamps = timestamps;
    CHECK(watch.sent(from_us, answer, {}).empty());
    Segment ack{.seq = SeqNum{101}, .ack = SeqNum{1}, .flags = Flag::ack, .window = 1000, .options = {}, .text = {}};
    ack.options.timestamps = timestamps;
    watch.received(from_peer, ack);
  }
  std::string sent(const Segment& segment, Offload offload = {}) { return watch.sent(from_us, segment, offload); }
};

Segment ack_of(std::uint32_t number, std::uint16_t window = 1000) {
  return {.seq = SeqNum{1}, .ack = SeqNum{number}, .flags = Flag::ack, .window = window, .options = {}, .text = {}};
}

Segment text_of(std::uint32_t seq, std::size_t size) {
  return {.seq = SeqNum{seq},
          .ack = SeqNum{101},
          .flags = Flag::ack,
          .window = 1000,
          .options = {},
          .text = Bytes{zeros}.first(size)};
}

TEST_CASE("watch: what an honest stack does passes") {
  Watched t;
  CHECK(t.sent(text_of(1, 500)).empty());
  CHECK(t.sent(text_of(501, 500)).empty());
  CHECK(t.sent(text_of(1001, 1)).empty());  // a probe of the closed window
  CHECK(t.sent(ack_of(201, 900)).empty());
  CHECK(t.sent(ack_of(201, 5000)).empty());
}

TEST_CASE("watch: each rule is broken once") {
  Watched t;
  Segment segment = ack_of(101);
  SECTION("MSS without SYN") {
    segment.options.mss = 1460;
    CHECK(t.sent(segment).find("MUST-65") != std::string::npos);
  }
  SECTION("window scale without SYN") {
    segment.options.window_scale = 1;
    CHECK(t.sent(segment) == "the window scale option without SYN");
  }
  SECTION("SACK-permitted without SYN") {
    segment.options.sack_permitted = true;
    CHECK(t.sent(segment) == "SACK-permitted without SYN");
  }
  SECTION("an acknowledgment that goes back") {
    CHECK(t.sent(ack_of(300)).empty());
    CHECK(t.sent(ack_of(299, 2000)) == "an acknowledgment that goes back");
  }
  SECTION("a shrinking window") { CHECK(t.sent(ack_of(201, 899)).find("SHLD-14") != std::string::npos); }
  SECTION("text beyond the window") { CHECK(t.sent(text_of(901, 101)) == "text beyond the peer's window"); }
  SECTION("more than an MSS") { CHECK(t.sent(text_of(1, 501)).find("MUST-16") != std::string::npos); }
  SECTION("more than an MSS, to be cut by the device") { CHECK(t.sent(text_of(1, 501), {.gso_size = 500}).empty()); }
}

TEST_CASE("watch: once negotiated, timestamps are on every segment and never run back") {
  Watched t{wire::Timestamps{1000, 0}};
  CHECK(t.sent(ack_of(101)) == "no timestamps, though both SYNs had them");
  Segment segment = ack_of(101);
  segment.options.timestamps = {999, 0};
  CHECK(t.sent(segment) == "a timestamp that runs back");
  Segment reset = ack_of(101);
  reset.flags = Flag::rst;
  CHECK(t.sent(reset).empty());
}

TEST_CASE("watch: a packet above the MTU is found") {
  Watch watch{1500};
  Segment segment = text_of(1, 1461);
  CHECK(watch.sent(from_us, segment, {}) == "a packet larger than the MTU");
}

}  // namespace
}  // namespace backstop::test
