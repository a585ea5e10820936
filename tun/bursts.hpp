// How a loop asks a device for packets: how many before it answers, and whether once more before it sleeps; and whether
// what is sent is a stream. All learn from what came and went. Pure. Read next: event_loop.cpp and tun_device.cpp, who
// ask.
#pragma once

#include "stack/tcp/time.hpp"

namespace backstop::tun {

/// How many packets to ask the device for: as many as there were last time, so that a lone one costs no further call
/// that finds nothing; more, when that was not enough several times in a row. Asking for more in vain makes it slower
/// to ask for more: a request and its answer are full bursts of one, too.
class BurstSize {
 public:
  [[nodiscard]] int next() const { return size_; }
  void took(int taken);
  /// Whether there was as much as was asked for, and more than a request.
  [[nodiscard]] bool is_stream() const { return is_stream_; }

 private:
  static constexpr int least_patience = 4;
  int size_ = 1;
  int full_in_a_row_ = 0;
  int patience_ = least_patience;  ///< full bursts in a row that make the next one longer
  bool is_stream_ = false;
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

/// Whether the peer answers within the call that sends to it, as the kernel's TCP does with acknowledgments: then
/// asking the device is cheaper than asking epoll whether to. Where it does not, that is tried now and then. A turn
/// that sends awaits one answer; a packet that nothing is sent for is one.
class QuickAnswers {
 public:
  /// After each turn: how many packets came, and whether any was sent.
  void turned(int taken, bool sent);
  /// Whether to ask the device before anything else.
  [[nodiscard]] bool are_likely() const { return asking_; }

 private:
  int score_ = 0;
  int not_asked_ = 0;    ///< times in a row
  int outstanding_ = 0;  ///< answers
  bool asking_ = false;
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
