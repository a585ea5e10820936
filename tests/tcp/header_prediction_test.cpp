// Short cuts come to the same as the long way: what the expected segment takes as the steps of section 3.10.7.4, an
// acknowledgment in short as one by all of its steps, the SYN,ACK that was waited for as the steps of SYN-SENT, a lone
// segment as all that output() may have to send, and a window that cannot grow as one that was worked out. Two
// connections, or two whole stacks, live through the same random story, one with the short cut and one without, and
// must never differ.
#include <array>
#include <memory_resource>
#include <set>
#include <tuple>

#include "stack/tcp/acknowledgment.hpp"
#include "stack/tcp/lifecycle.hpp"
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

using Reply = std::optional<wire::Segment>;
using Arrives = Reply (*)(Tcb&, const wire::Segment&, Environment&, Instant);
using Sends = bool (*)(Tcb&, Environment&, Instant, Outgoing&);

constexpr FourTuple tuple{.local = {{1}, 1}, .remote = {{2}, 2}};

/// The states in which a segment was expected, so that no story misses one.
std::set<State> predicted_in;

/// As a whole packet, so that what header prediction reads of it is what stands in one.
Reply by_prediction(Tcb& tcb, const wire::Segment& segment, Environment& env, Instant now) {
  wire::Segment addressed = segment;
  addressed.source_port = tuple.remote.port;
  addressed.destination_port = tuple.local.port;
  const wire::Ipv4Header ip{.source = tuple.remote.address, .destination = tuple.local.address};
  const test::Packet packet = test::tcp_packet(ip, addressed);
  auto plain = wire::parse_plain_segment(packet);
  if (!plain) return segment_arrives(tcb, segment, false, env, now);  // which has a short cut of its own
  CHECK(plain->tuple == tuple);
  CHECK(plain->checksum_is_right());
  if (!is_expected(tcb, *plain, env)) return segment_arrives(tcb, plain->segment(), false, env, now);
  predicted_in.insert(tcb.state);
  CHECK(expected_segment_arrives(tcb, *plain, false, env, now));
  return std::nullopt;
}

Reply by_steps(Tcb& tcb, const wire::Segment& segment, Environment& env, Instant now) {
  return segment_arrives_by_steps(tcb, segment, false, env, now);
}

Reply acknowledges(Tcb& tcb, const wire::Segment& segment, Environment& env, Instant now) {
  process_acknowledgment(tcb, segment, env, now);
  return std::nullopt;
}

Reply acknowledges_by_steps(Tcb& tcb, const wire::Segment& segment, Environment& env, Instant now) {
  process_acknowledgment_by_steps(tcb, segment, env, now);
  return std::nullopt;
}

/// How a connection takes segments and makes them.
struct Ways {
  Arrives arrives = by_steps;
  Sends sends = output;
};

/// A connection by itself, with all that its stack would lend it.
class Side {
 public:
  Side(Ways ways, const Parameters& parameters, std::uint32_t blocks)
      : ways_(ways),
        parameters_(parameters),
        sets_(parameters, 1, memory()),
        blocks_(blocks, 512, memory()),
        sent_(16, 1, memory()),
        flights_(1, memory()),
        histories_(1, memory()),
        env_{parameters_, sets_, blocks_, sent_, flights_, histories_, counters_, 1500, 0, 1} {}

  void open(const wire::Segment& syn, SeqNum iss, Instant now) {
    open_passively(tcb, tuple, iss, 0, syn, env_, now);
    tcb.attached = true;
  }
  void connect(SeqNum iss, Instant now) {
    open_actively(tcb, tuple, iss, 0, env_, now);
    tcb.attached = true;
  }
  std::optional<wire::Segment> arrives(const wire::Segment& segment, Instant now) {
    return ways_.arrives(tcb, segment, env_, now);
  }
  std::vector<Outgoing> send(Instant now) {
    std::vector<Outgoing> sent;
    for (Outgoing out; ways_.sends(tcb, env_, now, out); out = {}) {
      CHECK((sent.empty() || !sent.back().last));
      sent.push_back(out);
      CHECK(window_to_offer(tcb, env_, tcb.mss()) == window_to_offer_by_steps(tcb, env_, tcb.mss()));
    }
    CHECK(window_to_offer(tcb, env_, tcb.mss()) == window_to_offer_by_steps(tcb, env_, tcb.mss()));
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
  void establish(Instant now) { tcp::establish(tcb, env_, now); }
  void close(bool leaves) {
    if (leaves) tcb.attached = false;
    (void)tcp::close(tcb, env_);
  }
  void fire(Instant now) { handle_timeouts(tcb, env_, now); }

  /// What there is to tell about it, for comparing.
  [[nodiscard]] auto numbers() const {
    return std::tuple{
        tcb.state,
        std::tuple{tcb.snd.una, tcb.snd.nxt, tcb.snd.wnd, tcb.snd.max_wnd, tcb.snd.wl1, tcb.snd.wl2},
        std::tuple{tcb.rcv.nxt, tcb.rcv.wnd, tcb.rcv.acked, tcb.receive_queue.readable()},
        std::tuple{tcb.rcv.irs, tcb.snd.scale, tcb.peer_mss, tcb.ecn, tcb.timestamps, tcb.selective_acks},
        std::tuple{tcb.ack_owed, tcb.quick_acks, tcb.timer, tcb.recovery, tcb.cwnd_limited, tcb.error},
        std::tuple{tcb.ts_recent, tcb.ts_recent_at, tcb.heard_at, tcb.flight->progress_at, next_deadline(tcb)},
        std::tuple{tcb.congestion.cwnd, tcb.congestion.ssthresh, tcb.rtt.srtt(), tcb.in_flight()},
        std::tuple{tcb.bytes_received, tcb.segments_received, tcb.segments_sent, counters_.bytes_received},
        std::tuple{tcb.news.readable, tcb.news.writable, tcb.news.closed, tcb.news.established, blocks_.in_use()},
        std::tuple{tcb.fin_known, tcb.fin_received, tcb.fin_known ? tcb.rcv.fin : SeqNum{}},
        std::tuple{tcb.slow_at, tcb.delayed_ack_at, tcb.ever_established, counters_.connections_established},
        std::tuple{tcb.bytes_acked, tcb.backoff, tcb.fin_acked, tcb.soft_error, tcb.writer_waits, tcb.urgent_sent},
        std::tuple{tcb.has_flight(), tcb.congestion.has_history(), tcb.rtt.rttvar(), tcb.rtt.minimum()},
        std::tuple{tcb.sent_at, tcb.flight->small_end, tcb.flight->window_round, tcb.flight->round_flight},
        std::tuple{tcb.flight->rack_sent_at, tcb.flight->rack_end, tcb.flight->rack_highest, tcb.flight->rack_rtt},
        std::tuple{tcb.flight->duplicate_acks, tcb.flight->timeouts, tcb.flight->send_queue.size()},
        std::tuple{tcb.reordering_seen, tcb.probe_out, tcb.may_undo, sent_.in_use(), flights_.in_use()}};
  }

  Tcb tcb;

 private:
  static std::pmr::memory_resource& memory() { return *std::pmr::get_default_resource(); }

  Ways ways_;
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

auto what_is_sent(const Outgoing& out) {
  return std::tuple{facts(out.segment), out.text_offset, out.text_size, out.mss, out.ecn_capable};
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
  if (random.chance(tcb.fin_queued ? 0.1 : 0.005)) segment.flags.set(wire::Flag::fin);
  if (tcb.timestamps != random.chance(0.02)) {
    const std::uint32_t age = random.chance(0.05) ? 500 : 0;
    segment.options.timestamps = wire::Timestamps{timestamp_clock(now) - age, timestamp_clock(now)};
  }
  if (random.chance(0.1)) segment.options.sack.push_back({segment.ack + 100, segment.ack + 600});
  return segment;
}

wire::Segment syn_from_peer(Random& random, Instant now) {
  wire::Segment syn{
      .seq = SeqNum{static_cast<std::uint32_t>(random.next())}, .flags = wire::Flag::syn, .window = 0xffff};
  if (random.chance(0.2)) syn.flags = wire::Flag::syn | wire::Flag::ece | wire::Flag::cwr;
  syn.options = {.mss = std::uint16_t{1000}, .sack_permitted = random.chance(0.7)};
  if (random.chance(0.7)) syn.options.timestamps = wire::Timestamps{timestamp_clock(now), 0};
  return syn;
}

/// What a peer might answer to our SYN: mostly what is expected, at times anything.
wire::Segment answer_from_peer(const Tcb& tcb, Random& random, Bytes text, Instant now) {
  wire::Segment answer = syn_from_peer(random, now);
  answer.flags = random.chance(0.05) ? wire::Flag::syn : wire::Flag::syn | wire::Flag::ack;
  answer.ack = tcb.snd.nxt;
  if (random.chance(0.1)) answer.window = static_cast<std::uint16_t>(random.below(3000));
  if (random.chance(0.5)) answer.options.window_scale = static_cast<std::uint8_t>(random.below(15));
  if (random.chance(0.05)) answer.ack = random.chance(0.5) ? tcb.snd.iss : tcb.snd.nxt + 1;
  if (random.chance(0.05)) answer.text = text.first(random.below(text.size()));
  if (random.chance(0.05)) answer.options.sack.push_back({answer.ack, answer.ack + 600});
  if (random.chance(0.2)) {
    using enum wire::Flag;
    constexpr std::array others{fin, rst, psh, urg, ece, cwr};
    answer.flags.set(others[random.below(others.size())]);
  }
  return answer;
}

enum class Open : std::uint8_t { passive, active };

/// Two connections to which the same happens, but that segments are taken or made in two ways.
class Story {
 public:
  Story(Ways one, Ways other, std::uint64_t seed, Open open = Open::passive)
      : random{seed}, sides_{side(one, seed), side(other, seed)} {
    const wire::Segment syn = syn_from_peer(random, now);
    const SeqNum iss{static_cast<std::uint32_t>(random.next())};
    for (Side& each : sides_) {
      if (open == Open::passive) each.open(syn, iss, now);
      if (open == Open::active) each.connect(iss, now);
    }
  }

  [[nodiscard]] const Tcb& tcb() const { return sides_[0].tcb; }

  void wait() { now += std::chrono::microseconds{random.chance(0.1) ? random.below(400'000) : random.below(2000)}; }

  void establish() {
    for (Side& each : sides_) each.establish(now);
  }

  void arrives(const wire::Segment& segment) {
    REQUIRE(same(sides_[0].arrives(segment, now), sides_[1].arrives(segment, now)));
    REQUIRE(sides_[0].numbers() == sides_[1].numbers());
  }

  void act(std::uint32_t written, bool reads, bool closes) {
    std::array<std::vector<Outgoing>, 2> sent;
    const bool leaves = closes && random.chance(0.5);
    for (std::size_t i = 0; i < 2; ++i) {
      if (written > 0) sides_[i].write(written);
      if (reads) sides_[i].read(now);
      if (closes) sides_[i].close(leaves);
      sides_[i].fire(now);
      sent[i] = sides_[i].send(now);
    }
    REQUIRE(std::ranges::equal(sent[0], sent[1], {}, what_is_sent, what_is_sent));
    REQUIRE(sides_[0].numbers() == sides_[1].numbers());
  }

  Random random;
  Instant now{std::chrono::seconds{1}};

 private:
  static Side side(Ways ways, std::uint64_t seed) {
    Random random{~seed};
    Parameters parameters;
    const Ecn wanted = random.chance(0.5) ? Ecn::answer : Ecn::offer;
    parameters.ecn = random.chance(0.2) ? wanted : Ecn::off;
    parameters.receive_buffer = 8192;
    parameters.initial_receive_window = random.chance(0.5) ? static_cast<std::uint32_t>(random.below(8192)) : 65'535;
    parameters.initial_window = random.chance(0.3) ? 1 : 10;
    return {ways, parameters, random.chance(0.3) ? 12u : 64u};
  }

  std::array<Side, 2> sides_;
};

void live(std::uint64_t seed) {
  Story story{{by_prediction}, {by_steps}, seed};
  std::array<std::byte, 1200> text{};
  if (story.random.chance(0.9)) story.act(0, false, false);  // SYN,ACK
  for (int step = 0; step < 300 && story.tcb().state != State::closed; ++step) {
    CAPTURE(seed, step);
    story.wait();
    story.arrives(from_peer(story.tcb(), story.random, text, story.now));
    const auto written = static_cast<std::uint32_t>(story.random.chance(0.5) ? story.random.below(3000) : 0);
    story.act(written, story.random.chance(0.5), story.random.chance(0.01));
  }
}

/// An acknowledgment that may come now: mostly of all that is in flight, and of nothing else.
wire::Segment acknowledgment_from_peer(const Tcb& tcb, Random& random, Instant now) {
  wire::Segment segment = from_peer(tcb, random, {}, now);
  if (random.chance(0.7)) segment.ack = random.chance(0.3) ? tcb.snd.una : tcb.snd.nxt;
  if (segment.ack > tcb.snd.nxt) segment.ack = tcb.snd.nxt;
  if (random.chance(0.8)) segment.options.sack = {};
  return segment;
}

void be_acknowledged(std::uint64_t seed) {
  Story story{{acknowledges}, {acknowledges_by_steps}, seed};
  story.act(0, false, false);  // SYN,ACK
  if (story.random.chance(0.3)) {
    story.now += std::chrono::seconds{2};
    story.act(0, false, false);  // and again
  }
  if (story.random.chance(0.5)) story.act(500, false, false);  // what waits for its acknowledgment
  story.establish();
  for (int step = 0; step < 300 && story.tcb().state != State::closed; ++step) {
    CAPTURE(seed, step);
    story.wait();
    story.arrives(acknowledgment_from_peer(story.tcb(), story.random, story.now));
    const auto most = story.random.chance(0.7) ? 900u : 9000u;  // one segment mostly
    const auto written = static_cast<std::uint32_t>(story.random.chance(0.5) ? story.random.below(most) : 0);
    story.act(written, false, story.random.chance(0.005));
  }
}

/// Returns whether the first answer to its SYN opened the connection.
bool be_answered(std::uint64_t seed) {
  Story story{{by_prediction}, {by_steps}, seed, Open::active};
  std::array<std::byte, 1200> text{};
  story.act(story.random.chance(0.5) ? 500 : 0, false, false);  // SYN; what is written waits
  if (story.random.chance(0.2)) {
    story.now += std::chrono::seconds{2};
    story.act(0, false, false);  // and again
  }
  if (story.random.chance(0.5)) story.act(500, false, story.random.chance(0.1));
  story.arrives(answer_from_peer(story.tcb(), story.random, text, story.now));
  const bool opened = story.tcb().state == State::established;
  for (int step = 0; step < 30 && story.tcb().state != State::closed; ++step) {
    CAPTURE(seed, step);
    story.wait();
    story.act(story.random.chance(0.5) ? 500 : 0, true, story.random.chance(0.01));
    story.arrives(story.tcb().state == State::syn_sent || story.random.chance(0.1)
                      ? answer_from_peer(story.tcb(), story.random, text, story.now)
                      : from_peer(story.tcb(), story.random, text, story.now));
  }
  return opened;
}

/// Mostly messages that are acknowledged before the next one is written.
void send_messages(std::uint64_t seed) {
  Story story{{by_steps, output}, {by_steps, output_by_steps}, seed};
  for (int step = 0; step < 300 && story.tcb().state != State::closed; ++step) {
    CAPTURE(seed, step);
    story.wait();
    if (story.random.chance(0.02)) story.now += std::chrono::seconds{3};
    story.arrives(acknowledgment_from_peer(story.tcb(), story.random, story.now));
    const auto most = story.random.chance(0.9) ? 1000u : 9000u;
    const auto written = static_cast<std::uint32_t>(story.random.chance(0.7) ? story.random.below(most) : 0);
    story.act(written, false, story.random.chance(0.005));
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
  predicted_in.clear();
  for (std::uint64_t seed = 1; seed <= 200; ++seed) live(seed);
  using enum State;
  CHECK(predicted_in == std::set{syn_received, established, fin_wait_1, fin_wait_2, close_wait, closing, last_ack});
}

TEST_CASE("Acknowledgment: in short it comes to the same as by all of its steps") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) be_acknowledged(seed);
}

TEST_CASE("SYN-SENT: the expected SYN,ACK's short cut comes to the same as the steps") {
  int opened = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) opened += be_answered(seed) ? 1 : 0;
  CHECK(opened > 250);
}

TEST_CASE("Output: a lone segment in short comes to the same as by all of its steps") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) send_messages(seed);
}
