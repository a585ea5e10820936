// What happened in a replayed flow, in order: packets that reached our stack, packets that it sent, packets that the
// captured host sent at that time. Kept as values and written as lines only when somebody wants to read them.
// Read next: compare.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stack/tcp/time.hpp"
#include "stack/wire/segment.hpp"
#include "tools/notation/format.hpp"

namespace backstop::replay {

/// Who sent a packet of the story.
enum class Actor : char { peer = '<', us = '>', captured_host = '~' };

struct Moment {
  Instant time{};
  std::uint64_t number = 0;  ///< in the capture; 0: not from there
  Actor actor = Actor::peer;
  bool is_segment = false;
  wire::Ipv4Header ip;
  wire::Segment segment;  ///< without its text
  std::uint32_t text_size = 0;
  std::uint32_t text_hash = 0;
  std::uint32_t other_octets = 0;  ///< a hash of the headers, when they hold more than is kept of them here
  std::string words;               ///< of what is no TCP segment
};

class Story {
 public:
  /// A TCP segment.
  void add(Instant time, std::uint64_t number, Actor actor, const wire::Ipv4Header& ip, const wire::Segment& segment);
  /// One that our stack sent, as octets.
  void add_ours(Instant time, Bytes packet, const wire::Ipv4Header& ip, const wire::Segment& segment);
  /// Any other packet, in the notation.
  void add(Instant time, std::uint64_t number, Actor actor, std::string words);

  [[nodiscard]] const std::vector<Moment>& moments() const { return moments_; }
  /// Packets that came after the story had become too long to keep.
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 private:
  Moment* append(Instant time, std::uint64_t number, Actor actor);

  // Why: a story of this length nobody reads, and a capture of any length must fit into memory.
  static constexpr std::size_t most_moments = 20'000;

  std::vector<Moment> moments_;
  std::uint64_t left_out_ = 0;
};

/// A short hash of text, the same on every machine.
std::uint32_t hash_text(Bytes text);

}  // namespace backstop::replay
