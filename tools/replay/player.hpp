// Plays one flow: a stack of our own takes the captured host's part, in the capture's time. It opens as the host
// opened, with the host's numbers, so that the peer's captured packets go in as they are; its user writes what the host
// wrote, when the host did. Packets that acknowledge what our stack has not sent yet wait until it has: the capture is
// deaf. Read next: flow.hpp, which decides what to play and watches what comes of it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stack/stack.hpp"
#include "tools/replay/application.hpp"
#include "tools/replay/observer.hpp"
#include "tools/replay/options.hpp"

namespace backstop::replay {

/// How the host's part begins.
struct Part {
  enum class Opening : std::uint8_t { passive, active, refused, silent };
  Opening opening = Opening::passive;
  FourTuple tuple;  ///< local is the host
  InitialNumbers numbers;
  wire::TcpOptions options;  ///< of the host's SYN or SYN,ACK: what it had switched on
  bool ecn = false;          ///< the SYN or SYN,ACK had ECE (RFC 3168 section 6.1.1)
  /// From where the capture was made to the host and back: a packet that is captured reaches the host that much before
  /// the capture can show an answer to it.
  Duration distance{};
};

/// A packet for our stack.
struct Arrival {
  std::uint64_t number = 0;  ///< in the capture; 0: made up by the replay
  Instant time{};            ///< at our stack
  Bytes packet;
  std::vector<std::byte> kept;  ///< the packet, when it has to wait
  Offload offload;
  bool checksum_is_right = false;  ///< as far as is known
  /// What it acknowledges, when our stack must have sent that first.
  std::optional<Offset> needs;
  /// Behind what it brings of the peer's stream, when that is something.
  std::optional<Offset> brings;
};

/// Who wants to know what is played.
class PlayWatcher {
 public:
  virtual ~PlayWatcher() = default;
  /// The packet is about to reach the stack.
  virtual void delivers(const Arrival& arrival, Instant now) = 0;
  /// The stack sends a packet.
  virtual void sends(Bytes packet, Instant now) = 0;

 protected:
  PlayWatcher() = default;
  PlayWatcher(const PlayWatcher&) = default;
  PlayWatcher& operator=(const PlayWatcher&) = default;
};

class Player {
 public:
  Player(const Part& part, const ReplayOptions& options, CapturedText& text, PlayWatcher& watcher);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  /// A packet of the peer was captured; it is delivered the distance later, or when the host acknowledges it.
  void arrive(Arrival arrival);
  /// The captured host is about to do something at `now`, having received the peer's stream up to `received`.
  void come_to(Instant now, Offset received);
  /// What it does: text, FIN or SYN was added to what is known of it, or it sent RST.
  void host_acts();
  void host_aborts();
  /// Time passes, and no packet was captured.
  void advance(Instant now) { run_until(now); }
  /// Time passes until the end of the flow, and for as long as packets still wait.
  void run_to_end(Instant end);
  /// How far our stack has sent, as the watcher found out.
  void has_sent(Offset edge) { sent_edge_ = edge; }

  /// Why the flow cannot be played any further.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }
  /// What our stack did that no stack may do.
  [[nodiscard]] const std::optional<std::string>& fault() const { return fault_; }
  [[nodiscard]] const Application& application() const { return *application_; }
  /// Acknowledgments that were delivered in parts, because our stack had not sent all that they covered.
  [[nodiscard]] std::uint64_t partial_acks() const { return partial_acks_; }
  [[nodiscard]] const Statistics& statistics() const { return stack_.statistics(); }

 private:
  [[nodiscard]] bool must_wait(const Arrival& arrival) const {
    return arrival.time > now_ || (arrival.needs && *arrival.needs > sent_edge_);
  }
  void run_until(Instant end);
  void open_actively(Instant now);
  void answer(const SynInfo& syn, Instant now);
  bool deliver_waiting();
  void deliver(const Arrival& arrival);
  bool deliver_part_of_ack(const Arrival& arrival);
  void settle();
  bool transmit_all();
  [[nodiscard]] std::optional<Instant> next_step() const;
  [[nodiscard]] bool over() const { return trouble_ || fault_; }
  void give_up_waiting();

  ReplayOptions options_;
  Part part_;
  PlayWatcher& watcher_;
  std::unique_ptr<Application> application_;
  Instant now_{};
  Stack stack_;
  Tap tap_;
  Stream stream_;
  std::deque<Arrival> waiting_;
  Offset sent_edge_ = 0;
  Offset partially_acked_ = 0;
  std::uint64_t partial_acks_ = 0;
  std::vector<std::byte> outgoing_;
  std::optional<std::string> trouble_;
  std::optional<std::string> fault_;
};

}  // namespace backstop::replay
