// The flows in flight: a table of places, taken when a handler claims a flow and given back at its end, with the limits
// on how many there may be of each kind. What is counted here is counted nowhere else, so nothing can leak.
// Read next: manager.hpp, who fills them.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory_resource>
#include <optional>
#include <vector>

#include "fallback/consultation.hpp"
#include "fallback/decision.hpp"
#include "fallback/handle.hpp"
#include "fallback/keyed_hash.hpp"
#include "fallback/limits.hpp"
#include "fallback/recency_table.hpp"
#include "stack/stream.hpp"
#include "stack/syn_info.hpp"

namespace backstop::detail {

struct Flow {
  enum class Phase : std::uint8_t {
    free,
    pending,    ///< waits for the answer to its token
    half_open,  ///< accepted, in its handshake
    served,     ///< established, its connection handler runs
  };

  SynInfo syn;                        ///< the latest; `arrived` is the first one's
  std::uint64_t number = 0;           ///< counts the flows seen
  HandleId connection;                ///< once accepted
  HandlerId handler;                  ///< that claimed it
  int priority = 0;                   ///< of that handler
  std::uint32_t older = 0xffff'ffff;  // among attempts, or free places
  std::uint32_t newer = 0xffff'ffff;
  Phase phase = Phase::free;
  std::uint8_t attempts = 1;  ///< SYNs seen, up to 255
  Refusal refusal;            ///< when the answer does not come
};
static_assert(sizeof(Flow) <= 128, "what a pending SYN costs");

/// What is handed over when the handshake of an accepted flow is complete.
struct Accepted {
  Stream stream;
  ConnectionHandler handler;
};

/// Who wants a place.
struct Claim {
  Ipv4Address source;
  HandlerId handler;
  HandlerOptions options;
};

class FlowPlaces {
 public:
  static constexpr std::uint32_t none = 0xffff'ffff;

  struct Limits {
    std::uint32_t places;
    Limit all;
    Limit per_source;
  };

  FlowPlaces(const Limits& limits, std::uint32_t max_handlers, KeyedHash hash, std::pmr::memory_resource& memory);

  /// What becomes of a flow that takes no place yet: nothing bad, when there is one or an older flow would be shed.
  [[nodiscard]] std::optional<OverLimit> refusal(const Claim& claim);
  /// A place, as an attempt (a flow that is not established). Where a limit says so, `shed(index)` is called to end an
  /// older attempt and give its place back. Otherwise what becomes of the flow: reset or drop.
  template <class Shed>
  std::expected<std::uint32_t, OverLimit> take(const Claim& claim, Shed&& shed);
  void give_back(std::uint32_t index);
  /// It is established, and no longer an attempt.
  void leave_attempts(std::uint32_t index);

  [[nodiscard]] Flow& operator[](std::uint32_t index) { return flows_[index]; }
  [[nodiscard]] const Flow& operator[](std::uint32_t index) const { return flows_[index]; }
  /// All places, free ones too.
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(flows_.size()); }
  [[nodiscard]] std::uint32_t oldest_attempt() const { return attempts_.oldest; }
  [[nodiscard]] std::uint32_t in_flight() const { return in_flight_; }
  [[nodiscard]] std::uint32_t in_flight(HandlerId handler) const;
  [[nodiscard]] std::uint32_t in_flight(Ipv4Address source) { return count({source, 0}); }

 private:
  // Whose flows are counted together: those of a source address, in all or with one handler.
  struct Order {
    std::uint32_t oldest = none;
    std::uint32_t newest = none;
  };
  struct HandlerCount {
    std::uint32_t number = 0;
    std::uint32_t flows = 0;
  };
  struct Group {
    Limit limit;
    bool same_source;
    bool same_handler;
  };

  [[nodiscard]] std::array<Group, 4> groups_of(const Claim& claim) const;

  [[nodiscard]] std::uint32_t count(const SourceKey& key);
  [[nodiscard]] std::uint32_t count(const Group& group, const Claim& claim);
  [[nodiscard]] bool is_full(const Group& group, const Claim& claim);
  [[nodiscard]] std::uint32_t oldest_attempt_of(const Group& group, const Claim& claim) const;
  void change_count(const SourceKey& key, int change);
  void change_counts(const Claim& claim, int change);
  void join(Order& order, std::uint32_t index);
  void leave(Order& order, std::uint32_t index);
  std::uint32_t occupy(const Claim& claim);

  Limit all_;
  Limit per_source_;
  std::pmr::vector<Flow> flows_;
  Order attempts_;
  Order free_;  // Why in order: a place rests as long as can be, so that a late token learns its fate
  std::uint32_t in_flight_ = 0;
  std::pmr::vector<HandlerCount> handlers_;  // by slot
  RecencyTable<SourceKey, std::uint32_t, KeyedHash> sources_;
};

template <class Shed>
std::expected<std::uint32_t, OverLimit> FlowPlaces::take(const Claim& claim, Shed&& shed) {
  for (const Group& group : groups_of(claim)) {
    while (is_full(group, claim)) {
      if (group.limit.policy != OverLimit::shed_oldest) return std::unexpected(group.limit.policy);
      const std::uint32_t oldest = oldest_attempt_of(group, claim);
      if (oldest == none) return std::unexpected(OverLimit::reset);
      shed(oldest);
    }
  }
  return occupy(claim);
}

}  // namespace backstop::detail
