// A socket of the script: a stream or a listener of the stack, and what Linux keeps beside it: the pending error, what
// was shut down, the options.
// Read next: calls.hpp.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "stack/stack.hpp"

namespace backstop::packetdrill {

struct SocketOptions {
  bool nonblocking = false;
  bool cork = false;
  bool report_unread = false;           ///< TCP_INQ
  std::optional<std::uint16_t> linger;  ///< seconds
  bool send_buffer_set = false;         ///< by the user: it does not grow by itself
  std::uint32_t not_sent_low_water = 0xffff'ffff;
  std::uint32_t receive_low_water = 1;
  Duration receive_timeout = Duration::zero();  ///< zero: none
  Duration send_timeout = Duration::zero();
  /// Whole values as they were set, to be read back.
  std::map<std::pair<int, int>, std::vector<std::byte>> values;
};

/// What waits in a socket's error queue (MSG_ERRQUEUE): that text was sent, acknowledged, or is no longer needed.
struct Report {
  std::uint32_t error = 0;
  std::uint8_t origin = 0;
  std::uint8_t code = 0;
  std::uint32_t info = 0;
  std::uint32_t data = 0;
  std::optional<Instant> at{};  ///< for a timestamp
};

/// Something to report when the text before `end` has come so far.
struct Milestone {
  enum class Kind : std::uint8_t { sent, acknowledged, no_longer_needed };
  Kind kind{};
  std::uint64_t end = 0;  ///< octets written to the connection
  std::uint32_t id = 0;
};

struct Socket {
  int fd = -1;
  Endpoint local;
  bool bound = false;
  bool connecting = false;  ///< connect() was called and has not told its end yet
  bool ever_connected = false;
  bool read_shut = false;
  bool write_shut = false;
  bool has_news = true;              ///< since an edge-triggered epoll last told
  bool end_told = false;             ///< the error that ended the connection was reported
  int error = 0;                     ///< errno, for the next call that asks (SO_ERROR)
  ConnectionOptions connection;      ///< what the stack is to do for this connection
  ConnectionOptions listening_with;  ///< of these, what the listener was made with
  std::uint32_t backlog = 0;
  Listener listener;
  Stream stream;
  SocketOptions options;

  // held_text.cpp
  std::vector<std::byte> held;
  Instant held_since{};
  std::uint64_t handed = 0;               ///< octets that the stack was given
  std::uint64_t acked_while_held = 0;     ///< octets that were acknowledged when this was last looked at
  std::deque<std::uint64_t> record_ends;  ///< octets written up to each MSG_EOR
  bool more_follows = false;              ///< the last call had MSG_MORE
  bool urgent = false;                    ///< the last call had MSG_OOB

  // tcp_info.cpp
  struct Limits {
    enum class By : std::uint8_t { nothing, path, window, buffer };
    By by = By::nothing;  ///< what has held text up since; nothing: there was none
    Instant since{};
    Duration busy{};
    Duration by_window{};
    Duration by_buffer{};
  } limits;

  // transfer_reports.cpp
  std::uint64_t written = 0;           ///< octets
  std::uint64_t timestamps_since = 0;  ///< octets that had been written when SO_TIMESTAMPING was set
  std::uint32_t next_zerocopy = 0;
  std::vector<Milestone> milestones;
  std::deque<Report> reports;

  // send_buffer.cpp
  std::uint32_t receive_space = 0;   ///< what SO_RCVBUF tells
  std::uint32_t send_buffer = 0;     ///< as Linux counts it; grows by itself unless the user has set it
  std::uint32_t largest_window = 0;  ///< that the peer had
  bool no_space = false;             ///< a writer was told to wait
  Instant text_arrived_at{};
  Instant connected_at{};

  [[nodiscard]] bool is_listening() const { return static_cast<bool>(listener); }
  [[nodiscard]] bool has_stream() const { return static_cast<bool>(stream); }
};

}  // namespace backstop::packetdrill
