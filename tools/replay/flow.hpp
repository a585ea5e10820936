// One connection of a capture: whether it can be replayed, and what comes of it when it is. Packets are gathered until
// it is known how the captured host opened, then they are played as they come. Read next: replay.hpp, which sorts a
// capture's packets into flows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/replay/application.hpp"
#include "tools/replay/compare.hpp"
#include "tools/replay/disguise.hpp"
#include "tools/replay/observer.hpp"
#include "tools/replay/opening.hpp"
#include "tools/replay/options.hpp"
#include "tools/replay/player.hpp"
#include "tools/replay/story.hpp"

namespace backstop::replay {

enum class Verdict : std::uint8_t { same, different, not_replayable };

struct FlowResult {
  std::uint32_t number = 0;  ///< in the capture, from 1
  FourTuple tuple;           ///< local is the host whose part was played
  Instant first{};           ///< time of the first packet
  Instant last{};
  std::uint64_t packets = 0;
  Verdict verdict = Verdict::same;
  std::string reason;  ///< why it is not replayable
  SeqNum host_isn;
  SeqNum peer_isn;
  Outcome captured;
  Outcome ours;
  std::optional<std::string> trouble;  ///< why it was not played to its end
  std::vector<std::string> faults;     ///< what no stack may do, whatever it receives
  std::vector<Difference> differences;
  std::string diff;                ///< of what the two hosts sent, when they differ and the story was kept
  std::vector<std::string> notes;  ///< what a reader should know about the comparison
  Story story;
};

class Flow final : public PlayWatcher {
 public:
  Flow(std::uint32_t number, FourTuple tuple, const ReplayOptions& options);
  ~Flow();
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  /// The next packet of the flow, in the order of the capture.
  void take(const FlowPacket& packet);
  /// An ICMP message to the host about a segment of its own.
  void take_icmp(const capture::Packet& packet);
  /// Nothing of it was captured until `now`.
  void advance(Instant now);
  /// The capture has no more of it.
  FlowResult finish();

  /// Whether both sides are done with the connection.
  [[nodiscard]] bool over() const;
  [[nodiscard]] Instant last() const { return result_.last; }
  [[nodiscard]] const FourTuple& tuple() const { return result_.tuple; }
  /// Whether `syn` belongs to a later connection between the same ends.
  [[nodiscard]] bool is_reopened_by(const wire::Segment& syn, bool from_host, Instant now) const;

 private:
  enum class Stage : std::uint8_t { gathering, playing, refused };

  void gather(const FlowPacket& packet);
  [[nodiscard]] std::optional<std::string> reason_against(const FlowPacket& packet) const;
  void start(Part part);
  void refuse(std::string reason);

  void play(const FlowPacket& packet);
  void play_inbound(const FlowPacket& packet);
  void play_outbound(const FlowPacket& packet);
  void arrive(Arrival arrival, Bytes packet);
  [[nodiscard]] bool takes_wrong_checksum(const capture::Packet& packet) const;
  [[nodiscard]] std::optional<Offset> needed_by(const wire::Segment& segment) const;
  void delivers(const Arrival& arrival, Instant now) override;
  void sends(Bytes packet, Instant now) override;
  void tell_follower(std::uint64_t number, Actor actor, InboundPacket packet, Instant now);

  [[nodiscard]] bool writes_captured_text() const {
    return player_ && options_.application == ApplicationKind::captured;
  }
  [[nodiscard]] std::optional<std::string> missing_text() const;
  void compare();
  void compare_outcome_and_acks();
  void compare_segments();

  ReplayOptions options_;
  FlowResult result_;
  Stage stage_ = Stage::gathering;
  Duration distance_{};
  std::vector<StoredPacket> gathered_;
  std::optional<Disguise> disguise_;
  std::vector<std::byte> disguised_;  // the packet that arrives
  CapturedText text_;
  Observer captured_;
  Observer ours_;
  AckComparison acks_;
  std::unique_ptr<Player> player_;
};

}  // namespace backstop::replay
