// What a loop learns from how packets come.
#include "tun/bursts.hpp"

#include "tests/support/catch.hpp"

namespace backstop::tun {
namespace {

using namespace std::chrono_literals;

/// A device whose packets come in answer to what is sent, and the turns of a loop that asks it as Arrivals say.
class Turns {
 public:
  /// What was sent brings `packets` at once; then they are taken, and the loop sleeps until something is to be sent.
  void answered_by(int packets) {
    arrivals_.sent();
    while (arrivals_.are_likely() || (packets > 0 && wait(1us))) packets = ask(packets);
    wait(1ms);
  }
  /// A packet comes by itself, and has woken the loop.
  void request() {
    ask(1);
    while (arrivals_.are_likely()) ask(0);
  }

  int in_vain = 0;
  int waits = 0;  ///< that asking would have spared

 private:
  int ask(int packets) {
    arrivals_.asked(packets > 0);
    if (packets > 0) return packets - 1;
    ++in_vain;
    return 0;
  }
  bool wait(Duration time) {
    if (time < 1ms) ++waits;
    arrivals_.waited(time);
    return true;
  }

  Arrivals arrivals_;
};

TEST_CASE("Arrivals: requests, one at a time, are not asked for two at a time") {
  Turns turns;
  for (int i = 0; i < 1000; ++i) {
    turns.request();
    turns.answered_by(0);
  }
  CHECK(turns.in_vain < 30);
  CHECK(turns.waits == 0);
}

TEST_CASE("Arrivals: answers that come within the call that sends are asked for, as many as there are") {
  Turns turns;
  for (int i = 0; i < 1000; ++i) {
    turns.request();
    turns.answered_by(3);
  }
  CHECK(turns.in_vain < 30);
  CHECK(turns.waits < 5);
}

TEST_CASE("Arrivals: what is rare is waited for, what is frequent is asked for, at little cost") {
  const auto one_in = [](int period, int common, int rare) {
    Turns turns;
    for (int i = 0; i < 1000; ++i) turns.answered_by(i % period == 0 ? rare : common);
    return turns;
  };
  const Turns mostly_more = one_in(4, 3, 1);
  CHECK(mostly_more.in_vain < 260);
  CHECK(mostly_more.waits < 5);
  const Turns mostly_less = one_in(10, 1, 2);
  CHECK(mostly_less.in_vain < 10);
  CHECK(mostly_less.waits < 110);
}

TEST_CASE("Arrivals: a change is soon learned") {
  Turns turns;
  for (int i = 0; i < 1000; ++i) turns.answered_by(2);
  for (int i = 0; i < 1000; ++i) turns.answered_by(0);
  for (int i = 0; i < 1000; ++i) turns.answered_by(2);
  CHECK(turns.in_vain < 20);
  CHECK(turns.waits < 20);
}

TEST_CASE("Arrivals: a stream is asked for without end") {
  Arrivals arrivals;
  for (int i = 0; i < 20; ++i) arrivals.asked(true);
  CHECK(arrivals.are_likely());
}

TEST_CASE("Arrivals: where asking was in vain it is tried now and then, though something is sent each time") {
  Arrivals arrivals;
  const auto burst = [&](int packets) {
    int taken = 0;
    do {
      arrivals.asked(taken < packets);
    } while (taken++ < packets && arrivals.are_likely());
    arrivals.sent();
    return taken;
  };
  for (int i = 0; i < 100; ++i) burst(2);
  CHECK(burst(20) == 2);
  for (int i = 0; i < 1000; ++i) burst(20);
  CHECK(burst(20) == 21);
}

TEST_CASE("Arrivals: nothing is likely behind asking in vain, and asking again teaches nothing") {
  Arrivals arrivals;
  for (int i = 0; i < 20; ++i) {
    arrivals.sent();
    CHECK(arrivals.are_likely());
    arrivals.asked(true);
    arrivals.sent();
  }
  for (int i = 0; i < 100; ++i) {
    arrivals.asked(false);
    CHECK_FALSE(arrivals.are_likely());
  }
  arrivals.sent();
  CHECK(arrivals.are_likely());
}

/// Asks every 5 us for as long as the linger says, from a packet on; the next one comes `gap` later. Returns whether it
/// was still asked for.
class Asking {
 public:
  bool packet_after(Duration gap, bool full = true) {
    const Instant next = now_ + gap;
    while (linger_.goes_on() && now_ < next) {
      now_ += 5us;
      if (now_ >= next) break;
      linger_.turned(0, false, now_);
      ++in_vain;
    }
    const bool was_awake = linger_.goes_on();
    if (!was_awake) ++sleeps;
    now_ = std::max(now_, next);
    linger_.turned(1, full, now_);
    return was_awake;
  }

  int sleeps = 0;
  int in_vain = 0;

 private:
  Linger linger_;
  Instant now_{1s};
};

TEST_CASE("Linger: behind a packet as long as can be, and not behind a short one") {
  Asking asking;
  CHECK_FALSE(asking.packet_after(1s));
  CHECK(asking.packet_after(10us));
  CHECK(asking.packet_after(10us, false));
  CHECK_FALSE(asking.packet_after(10us));
}

TEST_CASE("Linger: a stream with pauses is worth it") {
  Asking asking;
  for (int i = 0; i < 1000; ++i) asking.packet_after(i % 4 == 0 ? 1ms : 10us);
  CHECK(asking.sleeps < 600);
}

TEST_CASE("Linger: where the next packet never comes in time it is hardly ever waited for, and then again") {
  Asking asking;
  for (int i = 0; i < 10'000; ++i) asking.packet_after(1ms);
  CHECK(asking.sleeps == 10'000);
  CHECK(asking.in_vain < 500);
  int awake = 0;
  for (int i = 0; i < 10'000; ++i) awake += asking.packet_after(10us) ? 1 : 0;
  CHECK(awake > 8000);
}

TEST_CASE("Sent stream: long packets in a row are one, until they are few") {
  SentStream stream;
  for (int i = 0; i < 1000; ++i) stream.sent(true);
  CHECK(stream.goes_on());
  for (int i = 0; i < 200; ++i) stream.sent(false);
  CHECK(stream.goes_on());  // a pause of a stream
  for (int i = 0; i < 1000; ++i) stream.sent(false);
  CHECK_FALSE(stream.goes_on());
}

TEST_CASE("Sent stream: acknowledgments come in between, answers of one packet are none") {
  SentStream stream;
  const auto send_after_each_packet_in = [&stream](int long_ones) {
    for (int turn = 0; turn < 1000; ++turn) {
      stream.received();
      for (int i = 0; i < long_ones; ++i) stream.sent(true);
    }
  };
  send_after_each_packet_in(2);
  CHECK(stream.goes_on());
  send_after_each_packet_in(1);
  CHECK_FALSE(stream.goes_on());
}

TEST_CASE("Sent stream: one that hovers about a limit does not change over and over") {
  SentStream stream;
  int changes = 0;
  bool before = false;
  for (int i = 0; i < 100'000; ++i) {
    stream.sent(i % 256 < 86 + i / 256 % 2);  // 85 and 86 in a row by turns
    changes += stream.goes_on() != before ? 1 : 0;
    before = stream.goes_on();
  }
  CHECK(changes == 1);
}

}  // namespace
}  // namespace backstop::tun
