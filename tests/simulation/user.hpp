// A user of one end of a connection, with a manner of its own. It acts when an event told it that it can, or when a
// pause of its own is over, and never looks on the off-chance: so a stack that forgets an event leaves it stuck, which
// the world notices. Everything it reads is compared with what was written at the other end.
// Read next: host.hpp.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "stack/stack.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/stream_text.hpp"

namespace backstop::simulation {

/// What became of one end of a connection. It outlives its user.
struct End {
  EndId id = 0;
  FourTuple tuple;
  bool active = false;
  bool may_be_refused = false;
  /// Made by a SYN cookie, perhaps: who keeps nothing of a SYN cannot tell that a late segment's connection is over.
  bool may_be_again = false;
  std::uint64_t written = 0;  ///< octets that the stack took
  std::uint64_t read = 0;
  bool closed_sending = false;
  bool saw_end = false;  ///< read the end of text
  bool was_established = false;
  bool forceful = false;  ///< left or aborted: the other end may be reset, and text lost
  bool over = false;      ///< the user has gone
  Instant ended_at{};
  std::optional<Error> error;
  std::optional<EndId> peer;  ///< known once either has read the other's name
};

/// All ends of a world, and who is whose peer.
class Ends {
 public:
  End& add(const FourTuple& tuple, bool active);
  [[nodiscard]] End& operator[](EndId id) { return ends_[id]; }
  [[nodiscard]] const End& operator[](EndId id) const { return ends_[id]; }
  /// `reader` has read that it talks with `writer`. What is wrong with that, or an empty string.
  std::string introduce(End& reader, EndId writer);
  [[nodiscard]] const std::deque<End>& all() const { return ends_; }

 private:
  std::deque<End> ends_;  // users hold references
};

class User {
 public:
  User(Stream stream, End& end, Ends& ends, const Manner& manner, Instant now);

  /// The stack has news for it.
  void hear(Readiness what);
  /// Does what it can. Returns when it wants to be asked again although nothing happens. Throws Failure.
  Instant act(Instant now);
  /// Ends it because its peer is known to be gone.
  void dismiss(Instant now);

  [[nodiscard]] bool gone() const { return end_.over; }
  [[nodiscard]] End& end() { return end_; }
  [[nodiscard]] const Stream& stream() const { return stream_; }
  /// Whether the stack still owes the peer something, or has not told that there is room to write.
  [[nodiscard]] bool is_owed() const;
  /// How it stands, for a failure's message.
  [[nodiscard]] std::string describe() const;

 private:
  [[nodiscard]] std::uint64_t goal() const;
  void write(Instant now);
  [[nodiscard]] std::expected<std::size_t, Error> write_some(std::size_t size);
  void read(Instant now);
  [[nodiscard]] std::expected<std::size_t, Error> read_some(std::size_t size);
  void check(Bytes text);
  void follow_manner(Instant now);
  void leave(Instant now);
  void fail(Error error, Instant now);
  void note_state();

  Stream stream_;
  End& end_;
  Ends& ends_;
  Manner manner_;
  State state_;
  Instant next_write_;
  Instant next_read_;
  bool write_blocked_ = false;
  bool read_blocked_ = false;
  bool write_failed_ = false;
  EndId name_ = 0;  // of the peer, as far as it was read
};

}  // namespace backstop::simulation
