// Where our stack did otherwise than the captured host, by level: what became of the connection, what was acknowledged,
// which segments were sent, octet by octet. Even two runs of one host differ in how they coalesce acknowledgments, so
// captures of other stacks are compared by the first two.
// Read next: flow.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/replay/ack_trail.hpp"
#include "tools/replay/observer.hpp"

namespace backstop::replay {

enum class Level : std::uint8_t { outcome, acks, segments, bytes };

std::string_view to_string(Level level);

/// Parts of a line that a comparison may leave out.
enum class Field : std::uint8_t { window, ip_id, ttl, tos, timestamps, options, push, text, time };

struct Difference {
  Level level = Level::outcome;
  std::string text;  ///< one line or, for segments and bytes, a unified diff
};

/// The lines that tell two outcomes apart; none when they are the same.
std::vector<Difference> compare_outcomes(const Outcome& captured, const Outcome& ours);

/// Compares two acknowledgment trails while they grow, and forgets what is settled.
class AckComparison {
 public:
  void advance(AckTrail& captured, AckTrail& ours);
  /// Nothing more will come: compares the rest and returns all differences.
  std::vector<Difference> finish(AckTrail& captured, AckTrail& ours);

 private:
  void compare(const Hole* captured, const Hole* ours);
  void note(std::string text);

  static constexpr std::size_t most_differences = 50;
  std::vector<Difference> differences_;
};

}  // namespace backstop::replay
