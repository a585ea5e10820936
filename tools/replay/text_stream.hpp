// The text of one direction, put together from the captured segments in whatever order these come, and kept until it is
// consumed. What was captured first counts where segments overlap.
// Read next: player.hpp, which writes one such stream and checks what it reads against the other.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "stack/wire/bytes.hpp"
#include "tools/replay/stream_offset.hpp"

namespace backstop::replay {

class TextStream {
 public:
  /// Takes the text of a segment that stands at `offset`. Text beyond the limit of what is kept is dropped.
  void add(Offset offset, Bytes text);
  /// The text from begin() to end() that is not consumed yet.
  [[nodiscard]] Bytes text() const { return Bytes(kept_).subspan(consumed_); }
  [[nodiscard]] Offset begin() const { return end_ - static_cast<Offset>(kept_.size() - consumed_); }
  /// Behind the last octet without a gap in front of it.
  [[nodiscard]] Offset end() const { return end_; }
  /// The part of text() from `from` up to `to`, cut to what is there.
  [[nodiscard]] Bytes view(Offset from, Offset to) const;
  /// Lets go of everything in front of `offset`.
  void consume_to(Offset offset);

 private:
  void append(Bytes text);
  void append_waiting();

  // Why: far more than any window that was ever captured, and little enough that a capture with a gap cannot eat the
  // machine's memory.
  static constexpr std::size_t limit = 64 << 20;

  std::vector<std::byte> kept_;
  std::size_t consumed_ = 0;
  Offset end_ = 1;
  std::map<Offset, std::vector<std::byte>> waiting_;  // behind a gap
  std::size_t waiting_size_ = 0;
};

}  // namespace backstop::replay
