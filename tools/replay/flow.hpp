// One connection of a capture: who is who in it, whether it can be replayed, and what comes of it when it is.
// Packets are gathered until it is known how the captured host opened, then they are played as they come.
// Read next: replay.hpp, which sorts a capture's packets into flows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/capture/packet_reader.hpp"
#include "tools/replay/application.hpp"
#include "tools/replay/compare.hpp"
#include "tools/replay/observer.hpp"
#include "tools/replay/options.hpp"
#include "tools/replay/player.hpp"
#include "tools/replay/story.hpp"

namespace backstop::replay {

/// A captured packet of one flow. `segment` is absent when the TCP header makes no sense.
struct FlowPacket {
  const capture::Packet& captured;
  std::optional<wire::Segment> segment;
  bool from_host = false;
};

enum class Verdict : std::uint8_t { same, different, not_replayable };

struct FlowResult {
  std::uint32_t number = 0;  ///< in the capture, from 1
  FourTuple tuple;           ///< local is the host whose part was played
  Instant first{};           ///< time of the first packet
  Instant last{};
  std::uint64_t packets = 0;
  Verdict verdict = Verdict::same;
  std::string reason;  ///< why it was not replayable
  Outcome captured;
  Outcome ours;
  std::vector<Difference> differences;
  std::vector<std::string> notes;
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
  /// The capture has no more of it.
  FlowResult finish();

  /// Whether both sides are done with the connection, so that a SYN begins a new flow.
  [[nodiscard]] bool over() const;
  [[nodiscard]] Instant last() const { return result_.last; }
  [[nodiscard]] const FourTuple& tuple() const { return result_.tuple; }
  /// Whether `syn`, from the side that opened, belongs to a connection that is not this one.
  [[nodiscard]] bool is_reopened_by(const wire::Segment& syn, Instant now) const;

 private:
  struct Stored;

  // Finding out how the host opened.
  void gather(const FlowPacket& packet);
  [[nodiscard]] std::optional<std::string> reason_against(const FlowPacket& packet) const;
  std::optional<Part> find_part() const;
  void start(Part part);
  void refuse(std::string reason);

  // Playing.
  void play(const FlowPacket& packet);
  void play_inbound(const FlowPacket& packet);
  void play_outbound(const FlowPacket& packet);
  [[nodiscard]] std::optional<Offset> needed_by(const wire::Segment& segment) const;
  void delivers(const Arrival& arrival, Instant now) override;
  void sends(Bytes packet, Instant now) override;

  void compare();
  void check_text();

  ReplayOptions options_;
  FlowResult result_;
  std::vector<Stored> gathered_;
  CapturedText text_;
  Observer captured_;
  Observer ours_;
  AckComparison acks_;
  std::unique_ptr<Player> player_;
};

}  // namespace backstop::replay
