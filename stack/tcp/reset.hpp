// RST as RFC 9293 section 3.10.7.1 asks: what answers a segment that belongs to nothing.
#pragma once

#include <optional>

#include "stack/wire/segment.hpp"

namespace backstop::tcp {

/// The RST for `segment`, addressed back to its sender; nothing when it is a RST itself.
inline std::optional<wire::Segment> reset_for(const wire::Segment& segment) {
  if (segment.rst()) return std::nullopt;
  wire::Segment reset{.source_port = segment.destination_port, .destination_port = segment.source_port};
  if (segment.has_ack()) {
    reset.seq = segment.ack;
    reset.flags = wire::Flag::rst;
  } else {
    reset.ack = segment.seq + segment.length();
    reset.flags = wire::Flag::rst | wire::Flag::ack;
  }
  return reset;
}

}  // namespace backstop::tcp
