// How a loop asks a device for packets: whether for another one before it answers, or before it sleeps; and whether
// what is sent is a stream. All learn from what came and went. Pure. Read next: event_loop.cpp and tun_device.cpp, who
// ask.
#pragma once

#include <array>
#include <cstdint>

#include "stack/tcp/time.hpp"

namespace backstop::tun {

/// Whether the device has another packet already. To ask it is cheaper than to ask epoll whether to, but in vain it is
/// one call more. That is learned for each number of packets taken since something was sent, or since the loop slept:
/// the kernel's TCP acknowledges within the call that sends to it, and on one processor that call may wake the peer's
/// process, which says more before it returns.
class Arrivals {
 public:
  /// Whether to ask the device before anything else.
  [[nodiscard]] bool are_likely() const { return !is_empty_ && score() >= enough; }
  /// The device was asked. What it then had is `found`.
  void asked(bool found);
  void sent();
  /// It was waited for packets, in place of asking.
  void waited(Duration time);

 private:
  /// Of asking, after so many packets; the last one stands for all that are more. At first it is worth a try.
  using Scores = std::array<std::uint8_t, 8>;
  static constexpr int enough = 4;
  static constexpr Scores first_scores = {enough, enough, enough, enough, enough, enough, enough, enough};

  void begin(Scores& scores);
  void learn(bool found);
  [[nodiscard]] std::uint8_t& score() const { return (*scores_)[taken_]; }

  Scores behind_sent_ = first_scores;
  Scores behind_sleep_ = first_scores;
  Scores* scores_ = &behind_sleep_;
  int not_asked_ = 0;  ///< times that something was sent where it was worth no try
  std::uint8_t taken_ = 0;
  bool is_empty_ = false;  ///< it was asked in vain, and nothing has happened since
};

/// Whether to ask the device a little longer before sleeping. Behind a packet as long as the link carries, another is
/// likely to follow at once, and waking up costs both ends more than waiting for it. Where none comes in time,
/// because its sender is slow or needs this very processor, it is waited for ever more rarely.
class Linger {
 public:
  /// After each burst: what came, and whether the last packet was as long as can be.
  void turned(int taken, bool last_was_full, Instant now);
  [[nodiscard]] bool goes_on() const { return active_; }

 private:
  bool active_ = false;
  bool in_vain_ = false;  ///< asked and found nothing since the last packet
  Instant until_{};
  int rests_ = 0;       ///< full packets behind which not to linger
  int next_rests_ = 0;  ///< the same after the next failure, but for one
};

/// Whether what is sent is a stream: long packets, several in a row without anything coming in between. Answers to
/// requests are none, unless they are long ones.
class SentStream {
 public:
  void sent(bool is_long);
  void received() { follows_ = false; }
  [[nodiscard]] bool goes_on() const { return goes_on_; }

 private:
  bool goes_on_ = false;
  bool follows_ = false;  ///< the last packet was long, and nothing has come since
  int packets_ = 0;       ///< since it was last judged
  int in_a_row_ = 0;      ///< of these, long ones behind a long one
};

}  // namespace backstop::tun
