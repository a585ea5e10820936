// A connection that has sent 2^32 octets meets the numbers again that it has noted: that of its own SYN, and where it
// last did what it does once in a round trip. Nobody may take the old ones for new.
#include <memory_resource>

#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/output.hpp"
#include "stack/tcp/segment_arrives.hpp"
#include "stack/tcp/timeouts.hpp"
#include "stack/tcp/user_calls.hpp"
#include "tests/support/catch.hpp"

using namespace backstop;
using namespace backstop::tcp;
using namespace std::chrono_literals;

namespace {

/// An established connection of which `before` octets are missing to 2^32.
class LongConnection {
 public:
  explicit LongConnection(std::uint32_t before) {
    const wire::Segment syn{.seq = SeqNum{99}, .flags = wire::Flag::syn, .window = 0xffff};
    open_passively(tcb, {{{1}, 1}, {{2}, 2}}, SeqNum{7}, 0, syn, env_, now_);
    tcb.attached = true;
    (void)send();
    acknowledge(tcb.snd.nxt);
    REQUIRE(tcb.state == State::established);
    // Why not played: it would take 2^32 octets.
    tcb.snd.iss = tcb.snd.una + before;
  }

  std::optional<wire::Segment> send() {
    Outgoing out;
    if (!output(tcb, env_, now_, out)) return std::nullopt;
    REQUIRE(out.text_offset + out.text_size <= tcb.flight->send_queue.size());
    return out.segment;
  }
  void write(std::uint32_t size) {
    REQUIRE(write_space(tcb, env_));
    commit(tcb, size);
  }
  void acknowledge(SeqNum ack, wire::Flags flags = wire::Flag::ack, wire::SackBlocks sack = {}) {
    wire::Segment segment{.seq = tcb.rcv.nxt, .ack = ack, .flags = flags, .window = 0xffff};
    segment.options.sack = sack;
    CHECK_FALSE(segment_arrives(tcb, segment, false, env_, now_));
  }
  void wait(Duration duration) {
    now_ += duration;
    handle_timeouts(tcb, env_, now_);
  }

  Tcb tcb;

 private:
  static std::pmr::memory_resource& memory() { return *std::pmr::get_default_resource(); }

  Parameters parameters_;
  OptionSets sets_{parameters_, 1, memory()};
  BlockPool blocks_{16, 4096, memory()};
  SentPool sent_{16, 1, memory()};
  FlightPool flights_{1, memory()};
  HistoryPool histories_{1, memory()};
  Counters counters_;
  Environment env_{parameters_, sets_, blocks_, sent_, flights_, histories_, counters_, 1500, 0, 1};
  Instant now_{1s};
};

}  // namespace

TEST_CASE("2^32 octets later: text that begins at ISS is text", "[3.4]") {
  LongConnection t{100};
  const SeqNum iss = t.tcb.snd.iss;
  t.write(100);
  REQUIRE(t.send());
  t.acknowledge(iss);
  CHECK(t.tcb.unsent() == 0);
  CHECK_FALSE(wants_turn(t.tcb));
  t.write(50);
  const auto text = t.send();
  REQUIRE(text);
  CHECK(text->seq == iss);
  CHECK(t.tcb.snd.nxt == iss + 50);

  t.wait(3s);  // lost: it is sent again, as text
  const auto again = t.send();
  REQUIRE(again);
  CHECK(again->seq == iss);
  CHECK_FALSE(again->syn());
  t.acknowledge(iss + 50);
  CHECK(t.tcb.bytes_acked == 150);
  CHECK_FALSE(t.tcb.has_flight());
}

TEST_CASE("2^32 octets later: an acknowledgment in the midst of a segment may say ISS", "[3.4]") {
  LongConnection t{100};
  const SeqNum iss = t.tcb.snd.iss;
  t.write(300);
  REQUIRE(t.send());
  t.acknowledge(iss);
  CHECK(t.tcb.queue_start() == iss);
  CHECK(t.tcb.unsent() == 0);
  t.acknowledge(iss + 200);
  CHECK(t.tcb.bytes_acked == 300);
  CHECK_FALSE(t.tcb.has_flight());
}

TEST_CASE("More than 2^31 octets later: congestion that the peer echoes is reacted to", "[RFC3168]") {
  LongConnection t{100};
  t.tcb.ecn = true;
  t.tcb.ecn_point = t.tcb.snd.una - 0x9000'0000;
  t.write(1000);
  REQUIRE(t.send());
  const std::uint32_t before = t.tcb.congestion.cwnd;
  t.acknowledge(t.tcb.snd.nxt, wire::Flag::ack | wire::Flag::ece);
  CHECK(t.tcb.congestion.cwnd < before);
}

TEST_CASE("More than 2^31 octets later: a duplicate that the peer reports widens the reordering window", "[RFC8985]") {
  LongConnection t{100};
  t.tcb.selective_acks = true;
  t.tcb.reordering_round = t.tcb.snd.una - 0x9000'0000;
  t.write(1000);
  REQUIRE(t.send());
  wire::SackBlocks duplicate;
  duplicate.push_back({t.tcb.snd.una - 10, t.tcb.snd.una});
  t.acknowledge(t.tcb.snd.nxt, wire::Flag::ack, duplicate);
  CHECK(t.tcb.reordering_steps == 2);
}
