// Text in every order: all 120 orders of five segments, apart and overlapping, with the SACK blocks (RFC 2018) and
// D-SACK blocks (RFC 2883) of each acknowledgment. A model of the receiver, octet by octet, says what they must be.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

struct Range {
  std::uint32_t from = 0;
  std::uint32_t to = 0;  // behind the last octet

  [[nodiscard]] bool contains(std::uint32_t at) const { return from <= at && at < to; }
};

/// A receiver that remembers each octet, and of each how lately the segment came that brought or repeated it.
class Receiver {
 public:
  explicit Receiver(std::size_t size) : has_(size + 1) {}

  /// The acknowledgment that `segment` draws.
  std::string take(Range segment) {
    const Range duplicate = first_duplicate(segment);
    std::fill(has_.begin() + segment.from, has_.begin() + segment.to, true);
    arrivals_.insert(arrivals_.begin(), segment);
    while (next_ < has_.size() && has_[next_]) ++next_;
    std::string blocks;
    if (duplicate.from != duplicate.to) blocks = name(duplicate);
    int room = duplicate.from != duplicate.to ? 3 : 4;
    for (const Range& range : ranges_by_arrival()) {
      if (room-- == 0) break;
      blocks += (blocks.empty() ? "" : " ") + name(range);
    }
    return ".  1:1(0) ack " + std::to_string(next_) + (blocks.empty() ? " <>" : " <nop,nop,sack " + blocks + ">");
  }
  [[nodiscard]] std::uint32_t next() const { return next_; }

 private:
  static std::string name(Range range) { return std::to_string(range.from) + ":" + std::to_string(range.to); }

  // RFC 2883 section 4: the first contiguous part that was there already.
  [[nodiscard]] Range first_duplicate(Range segment) const {
    std::uint32_t from = segment.from;
    while (from < segment.to && !has_[from]) ++from;
    std::uint32_t to = from;
    while (to < segment.to && has_[to]) ++to;
    return {from, to};
  }

  [[nodiscard]] Range range_around(std::uint32_t at) const {
    Range range{at, at};
    while (has_[range.from - 1]) --range.from;
    while (range.to < has_.size() && has_[range.to]) ++range.to;
    return range;
  }

  // RFC 2018 section 4: the block of the segment that came last first, and so on; each once.
  [[nodiscard]] std::vector<Range> ranges_by_arrival() const {
    std::vector<Range> ranges;
    for (const Range& arrival : arrivals_) {
      const Range range = range_around(arrival.from);
      const auto is_same = [&](const Range& other) { return other.from == range.from; };
      if (range.from >= next_ && std::ranges::none_of(ranges, is_same)) ranges.push_back(range);
    }
    return ranges;
  }

  std::vector<bool> has_;  // [0] stands for the SYN and is never text
  std::vector<Range> arrivals_;
  std::uint32_t next_ = 1;
};

void play(Scenario& t, const std::vector<Range>& segments, std::uint32_t size) {
  t.establish("<mss 1460,nop,nop,sackOK>");
  Receiver receiver{size};
  for (const Range& segment : segments) {
    t.inject(".  " + notation::format_range(segment.from, segment.to - segment.from) + " ack 1");
    t.expect(receiver.take(segment));
    t.silence();
  }
  REQUIRE(receiver.next() == size + 1);
  t.read(size);
}

void play_all_orders(std::array<Range, 5> segments, std::uint32_t size) {
  std::array<int, 5> order{0, 1, 2, 3, 4};
  const IsnPair isns = GENERATE(values<IsnPair>({{1'000'000, 2'000'000}, {7, 0xffff'ff00}, {7, 0x7fff'ff00}}));
  int orders = 0;
  do {
    std::vector<Range> in_order;
    for (const int which : order) in_order.push_back(segments[static_cast<std::size_t>(which)]);
    Scenario t{isns, [](Config& config) {
                 config.blocks = 64;
                 config.block_size = 512;
               }};
    play(t, in_order, size);
    ++orders;
  } while (std::ranges::next_permutation(order).found);
  CHECK(orders == 120);
}

TEST_CASE("seventh step: five segments in all 120 orders, with exact SACK blocks", "[3.10.7.4][SHLD-31][RFC2018]") {
  play_all_orders({{{1, 101}, {101, 201}, {201, 301}, {301, 401}, {401, 501}}}, 500);
}

TEST_CASE("seventh step: overlapping segments in all 120 orders, with exact D-SACK blocks",
          "[3.10.7.4][SHLD-31][RFC2018][RFC2883]") {
  SECTION("each overlaps the next") {
    play_all_orders({{{1, 151}, {101, 251}, {201, 351}, {301, 451}, {401, 501}}}, 500);
  }
  SECTION("small ones within a large one") {
    play_all_orders({{{1, 501}, {11, 21}, {101, 201}, {201, 211}, {401, 501}}}, 500);
  }
  SECTION("the same twice, and one that bridges others") {
    play_all_orders({{{1, 101}, {201, 301}, {201, 301}, {401, 501}, {51, 451}}}, 500);
  }
}

}  // namespace
}  // namespace backstop::test
