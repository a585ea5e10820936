// What a loop learns from how packets come.
#include "tun/bursts.hpp"

#include "stack/poll.hpp"
#include "tests/support/catch.hpp"

namespace backstop::tun {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Bursts: requests, one at a time, are hardly ever asked for two at a time") {
  BurstSize burst;
  int in_vain = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (burst.next() > 1) ++in_vain;
    burst.took(1);
    CHECK_FALSE(burst.is_stream());
  }
  CHECK(in_vain < 20);
}

TEST_CASE("Bursts: a stream's are soon as long as can be, and shrink with it") {
  BurstSize burst;
  for (int i = 0; i < 100; ++i) burst.took(burst.next());
  CHECK(burst.next() == longest_burst);
  CHECK(burst.is_stream());
  burst.took(3);
  CHECK(burst.next() == 3);
  CHECK_FALSE(burst.is_stream());
  burst.took(0);  // says nothing of how many come when some do
  CHECK(burst.next() == 3);
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

TEST_CASE("Quick answers: asked for where they come, and hardly ever where they do not") {
  QuickAnswers answers;
  int asked = 0;
  const auto exchange = [&](bool quick) {
    answers.turned(1, true);
    if (!answers.are_likely()) return;
    ++asked;
    answers.turned(quick ? 1 : 0, false);
    CHECK_FALSE(answers.are_likely());  // Nothing was sent.
  };
  for (int i = 0; i < 1000; ++i) exchange(false);
  CHECK(asked > 0);
  CHECK(asked < 40);
  for (int i = 0; i < 1000; ++i) exchange(true);
  CHECK(asked > 800);
  asked = 0;
  for (int i = 0; i < 1000; ++i) exchange(false);
  CHECK(asked < 40);
}

TEST_CASE("Quick answers: as many as turns have sent") {
  QuickAnswers answers;
  for (int i = 0; i < 1000; ++i) {
    answers.turned(1, true);
    answers.turned(1, false);
  }
  answers.turned(1, true);
  REQUIRE(answers.are_likely());
  answers.turned(1, true);  // Not an answer: something was sent for it.
  answers.turned(1, false);
  CHECK(answers.are_likely());
  answers.turned(1, false);
  CHECK_FALSE(answers.are_likely());
  answers.turned(2, true);
  answers.turned(1, true);
  answers.turned(0, false);
  CHECK_FALSE(answers.are_likely());
}

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
