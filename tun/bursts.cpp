#include "tun/bursts.hpp"

#include <algorithm>

namespace backstop::tun {

// Asking again what has been asked in vain teaches nothing; what comes then has come by itself, as after sleeping.
void Arrivals::asked(bool found) {
  if (!is_empty_) {
    learn(found);
  } else if (found) {
    begin(behind_sleep_);
  }
  is_empty_ = !found;
  if (found && taken_ + 1u < scores_->size()) ++taken_;
}

// A wait that ends at once leaves its lesson to the packet that follows.
void Arrivals::waited(Duration time) {
  constexpr Duration at_once = std::chrono::microseconds{3};  // Why: more than the call takes, less than sleeping does
  if (time < at_once) return;
  if (!is_empty_) learn(false);
  begin(behind_sleep_);
}

// Sending begins anew, and what was worth no try would never be tried again, though a stream may have begun since.
void Arrivals::sent() {
  constexpr int most_not_asked = 101;  // Why: rare enough to cost nothing, and no multiple of a usual story's length
  if (!is_empty_ && score() < enough && ++not_asked_ == most_not_asked) {
    score() = enough;
    not_asked_ = 0;
  }
  begin(behind_sent_);
}

void Arrivals::begin(Scores& scores) {
  scores_ = &scores;
  taken_ = 0;
  is_empty_ = false;
}

// Why more for a success: a packet found spares epoll, which takes twice as long as asking in vain.
void Arrivals::learn(bool found) {
  constexpr int best = 7;
  score() = static_cast<std::uint8_t>(found ? std::min(score() + 2, best) : std::max(score() - 1, 0));
}

void Linger::turned(int taken, bool last_was_full, Instant now) {
  constexpr Duration longest = std::chrono::microseconds{20};  // Why: about what two processors need to wake each other
  constexpr int most_rests = 255;
  if (taken > 0) {
    if (active_ && in_vain_) next_rests_ = 0;  // It was worth it.
    active_ = last_was_full && rests_ == 0;
    if (last_was_full && rests_ > 0) --rests_;
    in_vain_ = false;
    until_ = now + longest;
    return;
  }
  in_vain_ = true;
  if (!active_ || now < until_) return;
  active_ = false;
  next_rests_ = std::min(2 * next_rests_ + 1, most_rests);
  rests_ = next_rests_;
}

// Why two limits: a connection that hovers about one would have the device change over and over.
void SentStream::sent(bool is_long) {
  constexpr int sample = 256;
  constexpr int enough_to_begin = sample / 3;
  constexpr int too_few_to_go_on = sample / 8;
  if (follows_ && is_long) ++in_a_row_;
  follows_ = is_long;
  if (++packets_ < sample) return;
  goes_on_ = in_a_row_ >= (goes_on_ ? too_few_to_go_on : enough_to_begin);
  packets_ = in_a_row_ = 0;
}

}  // namespace backstop::tun
