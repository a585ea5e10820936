// The short cut that the expected segment takes comes to the same as the steps of section 3.10.7.4: two connections
// live through the same random story, one with the short cut and one without, and must never differ.
#include <array>
#include <memory_resource>
#include <tuple>

#include "stack/tcp/output.hpp"
#include "stack/tcp/segment_arrives.hpp"
#include "stack/tcp/timeouts.hpp"
#include "stack/tcp/user_calls.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"
#include "tests/support/scenario.hpp"

using namespace backstop;
using namespace backstop::tcp;
using test::Random;

namespace {

using Arrives = decltype(&segment_arrives);

/// A connection by itself, with all that its stack would lend it.
class Side {
 public:
  Side(Arrives by, const Parameters& parameters, std::uint32_t blocks)
      : arrives_(by),
        parameters_(parameters),
        sets_(parameters, 1, memory()),
        blocks_(blocks, 512, memory()),
        sent_(16, 1, memory()),
        flights_(1, memory()),
        histories_(1, memory()),
        env_{parameters_, sets_, blocks_, sent_, flights_, histories_, counters_, 1500, 0, 1} {}

  void open(const wire::Segment& syn, SeqNum iss, Instant now) {
    open_passively(tcb, {{{1}, 1}, {{2}, 2}}, iss, 0, syn, env_, now);
    tcb.attached = true;
  }
  std::optional<wire::Segment> arrives(const wire::Segment& segment, Instant now) {
    return arrives_(tcb, segment, false, env_, now);
  }
  std::vector<wire::Segment> send(Instant now) {
    std::vector<wire::Segment> sent;
    for (Outgoing out; output(tcb, env_, now, out); out = {}) sent.push_back(out.segment);
    return sent;
  }
  void write(std::uint32_t size) {
    if (const auto room = write_space(tcb, env_)) commit(tcb, std::min(size, static_cast<std::uint32_t>(room->size())));
  }
  void read(Instant now) {
    while (const auto text = peek(tcb, env_)) {
      if (text->empty()) break;
      consume(tcb, static_cast<std::uint32_t>(text->size()), env_);
    }
    end_reading(tcb, env_, now);
  }
  void fire(Instant now) { handle_timeouts(tcb, env_, now); }

  /// What there is to tell about it, for comparing.
  [[nodiscard]] auto numbers() const {
    return std::tuple{
        tcb.state,
        std::tuple{tcb.snd.una, tcb.snd.nxt, tcb.snd.wnd, tcb.snd.max_wnd, tcb.snd.wl1, tcb.snd.wl2},
        std::tuple{tcb.rcv.nxt, tcb.rcv.wnd, tcb.rcv.acked, tcb.receive_queue.readable()},
        std::tuple{tcb.ack_owed, tcb.quick_acks, tcb.timer, tcb.recovery, tcb.cwnd_limited, tcb.error},
        std::tuple{tcb.ts_recent, tcb.ts_recent_at, tcb.heard_at, tcb.flight->progress_at, next_deadline(tcb)},
        std::tuple{tcb.congestion.cwnd, tcb.congestion.ssthresh, tcb.rtt.srtt(), tcb.in_flight()},
        std::tuple{tcb.bytes_received, tcb.segments_received, tcb.segments_sent, counters_.bytes_received},
        std::tuple{tcb.news.readable, tcb.news.writable, tcb.news.closed, blocks_.in_use()}};
  }

  Tcb tcb;

 private:
  static std::pmr::memory_resource& memory() { return *std::pmr::get_default_resource(); }

  Arrives arrives_;
  Parameters parameters_;
  OptionSets sets_;
  BlockPool blocks_;
  SentPool sent_;
  FlightPool flights_;
  HistoryPool histories_;
  Counters counters_;
  Environment env_;
};

auto facts(const wire::Segment& segment) {
  return std::tuple{segment.seq,    segment.ack,     segment.flags.bits(),
                    segment.window, segment.options, segment.urgent_pointer};
}

bool same(const std::optional<wire::Segment>& a, const std::optional<wire::Segment>& b) {
  return a.has_value() == b.has_value() && (!a || facts(*a) == facts(*b));
}

/// What a peer might send now: mostly what is expected, at times anything.
wire::Segment from_peer(const Tcb& tcb, Random& random, Bytes text, Instant now) {
  const auto size = static_cast<std::uint32_t>(random.chance(0.3) ? 0 : random.below(text.size() + 1));
  const auto jump = static_cast<std::uint32_t>(random.chance(0.15) ? random.below(2000) : 0);
  wire::Segment segment{.seq = tcb.rcv.nxt + jump - (random.chance(0.1) ? 700u : 0u),
                        .ack = tcb.snd.una + static_cast<std::uint32_t>(random.below(tcb.outstanding() + 1)),
                        .flags = wire::Flag::ack,
                        .window = static_cast<std::uint16_t>(random.chance(0.1) ? random.below(3000) : 0xffff),
                        .text = text.first(size)};
  if (random.chance(0.02)) segment.ack += 5000;
  if (random.chance(0.3)) segment.flags.set(wire::Flag::psh);
  if (random.chance(0.02)) segment.flags.set(wire::Flag::urg);
  if (random.chance(0.02)) segment.flags.set(wire::Flag::ece);
  if (random.chance(0.005)) segment.flags.set(wire::Flag::fin);
  if (tcb.timestamps != random.chance(0.02)) {
    const std::uint32_t age = random.chance(0.05) ? 500 : 0;
    segment.options.timestamps = wire::Timestamps{timestamp_clock(now) - age, timestamp_clock(now)};
  }
  if (random.chance(0.1)) segment.options.sack.push_back({segment.ack + 100, segment.ack + 600});
  return segment;
}

/// One random story.
void live(std::uint64_t seed) {
  Random random{seed};
  Parameters parameters;
  parameters.ecn = random.chance(0.2) ? Ecn::answer : Ecn::off;
  parameters.receive_buffer = 8192;
  const auto blocks = static_cast<std::uint32_t>(random.chance(0.3) ? 12 : 64);
  std::array<Side, 2> sides{Side{&segment_arrives, parameters, blocks},
                            Side{&segment_arrives_by_steps, parameters, blocks}};
  Instant now{std::chrono::seconds{1}};
  wire::Segment syn{
      .seq = SeqNum{static_cast<std::uint32_t>(random.next())}, .flags = wire::Flag::syn, .window = 0xffff};
  if (random.chance(0.2)) syn.flags = wire::Flag::syn | wire::Flag::ece | wire::Flag::cwr;
  syn.options = {.mss = std::uint16_t{1000}, .sack_permitted = random.chance(0.7)};
  if (random.chance(0.7)) syn.options.timestamps = wire::Timestamps{timestamp_clock(now), 0};
  const SeqNum iss{static_cast<std::uint32_t>(random.next())};
  for (Side& side : sides) side.open(syn, iss, now);

  std::array<std::byte, 1200> text{};
  for (int step = 0; step < 300; ++step) {
    CAPTURE(seed, step);
    now += std::chrono::microseconds{random.chance(0.1) ? random.below(400'000) : random.below(2000)};
    const wire::Segment segment = from_peer(sides[0].tcb, random, text, now);
    const auto written = static_cast<std::uint32_t>(random.chance(0.5) ? random.below(3000) : 0);
    const bool reads = random.chance(0.5);
    REQUIRE(same(sides[0].arrives(segment, now), sides[1].arrives(segment, now)));
    REQUIRE(sides[0].numbers() == sides[1].numbers());
    std::array<std::vector<wire::Segment>, 2> sent;
    for (std::size_t i = 0; i < 2; ++i) {
      if (written > 0) sides[i].write(written);
      if (reads) sides[i].read(now);
      sides[i].fire(now);
      sent[i] = sides[i].send(now);
    }
    REQUIRE(std::ranges::equal(sent[0], sent[1], {}, facts, facts));
    REQUIRE(sides[0].numbers() == sides[1].numbers());
    if (sides[0].tcb.state == State::closed) return;
  }
}

}  // namespace

TEST_CASE("Header prediction: long text that was damaged on its way counts for nothing, and holds nothing",
          "[MUST-3]") {
  test::Scenario t;
  t.establish();
  const test::Packet packet = t.build("P. 1:1001(1000) ack 1");
  const std::size_t text = packet.size() - 1000;
  std::uint64_t damaged = 0;
  for (const std::size_t place : {text - 30, text - 1, text, text + 499, packet.size() - 1}) {
    test::Packet other = packet;
    other[place] ^= std::byte{1};
    t.inject_packet(other);
    t.silence();
    CHECK(t.stack().statistics().dropped(Drop::tcp_bad_checksum) +
              t.stack().statistics().dropped(Drop::ip_bad_checksum) ==
          ++damaged);
    CHECK(t.stack().blocks_in_use() == 0);
  }
  t.inject_packet(packet);
  t.expect(".  1:1(0) ack 1001");
  t.read(1000);
}

TEST_CASE("Header prediction: the expected segment's short cut comes to the same as the eight steps") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) live(seed);
}
