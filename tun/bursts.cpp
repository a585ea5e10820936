#include "tun/bursts.hpp"

#include <algorithm>

#include "stack/poll.hpp"

namespace backstop::tun {

void BurstSize::took(int taken) {
  constexpr int most_patience = 1024;
  const bool full = taken == size_;
  is_stream_ = full && taken > 1;
  if (taken == 0) return;
  if (is_stream_) patience_ = least_patience;
  if (!full) {
    if (taken == 1) patience_ = std::min(2 * patience_, most_patience);
    size_ = taken;
    full_in_a_row_ = 0;
  } else if (++full_in_a_row_ >= patience_) {
    size_ = std::min(2 * size_, longest_burst);
    full_in_a_row_ = 0;
  }
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

void QuickAnswers::turned(int taken, bool sent) {
  constexpr int best = 7;
  constexpr int enough = 4;
  constexpr int most_not_asked = 32;
  if (asking_) score_ = taken > 0 ? std::min(score_ + 1, best) : std::max(score_ - 1, 0);
  if (sent) {
    ++outstanding_;
  } else {
    outstanding_ = taken > 0 ? std::max(outstanding_ - taken, 0) : 0;
  }
  asking_ = outstanding_ > 0 && (score_ >= enough || ++not_asked_ >= most_not_asked);
  if (asking_) {
    not_asked_ = 0;
  } else {
    outstanding_ = 0;  // What comes after sleeping is no answer.
  }
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
