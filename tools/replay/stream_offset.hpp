// Places in a stream as numbers that do not wrap: 0 is the SYN, 1 the first octet of text, and a transfer of many
// gigabytes goes on counting. What lies before the SYN is negative.
// Read next: text_stream.hpp.
#pragma once

#include <algorithm>
#include <cstdint>

#include "stack/wire/seq.hpp"

namespace backstop::replay {

using Offset = std::int64_t;

class StreamOrigin {
 public:
  StreamOrigin() = default;
  explicit StreamOrigin(SeqNum isn) : isn_(isn) {}

  /// The offset of `seq`: of all that it may be, the one nearest to what was seen before.
  [[nodiscard]] Offset offset_of(SeqNum seq) const {
    const SeqNum nearby = isn_ + static_cast<std::uint32_t>(highest_);
    return highest_ + static_cast<std::int32_t>(seq - nearby);
  }
  /// Tells that the stream has come to `offset`.
  void advance(Offset offset) { highest_ = std::max(highest_, offset); }

  [[nodiscard]] SeqNum isn() const { return isn_; }
  [[nodiscard]] SeqNum seq_of(Offset offset) const { return isn_ + static_cast<std::uint32_t>(offset); }

 private:
  SeqNum isn_;
  Offset highest_ = 0;
};

}  // namespace backstop::replay
