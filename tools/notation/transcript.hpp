// A conversation as lines: packets with their time and direction, what the user called, and notes in between.
//
//   0.000000 < S  0:0(0) win 65535 <mss 1460>
//   0.000000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
//   0.020000 < .  1:1(0) ack 1 win 65535
//   0.020000 * accept
//
// '>' leaves the stack that the story is about, '<' arrives there, '*' is a call of its user, '#' a note. Tests print
// it when they fail, and tools print it as they go. Read next: origins.hpp for the relative numbers.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "stack/tcp/time.hpp"
#include "stack/wire/packet.hpp"
#include "tools/notation/origins.hpp"

namespace backstop::notation {

enum class Direction : char { out = '>', in = '<' };

struct TranscriptOptions {
  bool addresses = false;      ///< write "10.0.0.1:40000 > 10.0.0.2:80: " in front of each segment
  std::size_t last_lines = 0;  ///< keep only that many; 0: all
};

class Transcript {
 public:
  /// Times are written relative to `start`.
  explicit Transcript(Instant start = {}, TranscriptOptions options = {}) : start_(start), options_(options) {}

  /// One IPv4 packet as it is on the wire; `remark` is written behind it in parentheses: "lost", "duplicate".
  /// Returns the line written.
  const std::string& packet(Direction direction, const InboundPacket& packet, Instant now,
                            std::string_view remark = {});
  const std::string& call(std::string_view text, Instant now) { return add('*', text, now); }
  const std::string& note(std::string_view text, Instant now) { return add('#', text, now); }

  [[nodiscard]] const std::deque<std::string>& lines() const { return lines_; }
  /// All lines, each with its newline; the first says so when earlier ones were let go.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] Origins& origins() { return origins_; }
  [[nodiscard]] const Origins& origins() const { return origins_; }

 private:
  const std::string& add(char mark, std::string_view text, Instant now);

  Instant start_;
  TranscriptOptions options_;
  Origins origins_;
  std::deque<std::string> lines_;
  std::size_t let_go_ = 0;
};

/// One packet in the notation, whatever it carries, what is wrong with it included: "tcp: tcp_bad_checksum".
std::string describe(const InboundPacket& packet, const Origins& origins, bool addresses = false);

/// Seconds with six decimals: "0.040000".
std::string format(Duration time);

}  // namespace backstop::notation
