// What a connection comes to, as anyone sees it who watches one host's segments: was it opened, how much text was
// acknowledged, who closed it how. The captured host and our stack are watched by the same eyes and then compared.
// Read next: ack_trail.hpp for the finer level; player.hpp, where both are watched.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "stack/tcp/state.hpp"
#include "stack/wire/segment.hpp"
#include "tools/replay/ack_trail.hpp"
#include "tools/replay/stream_offset.hpp"

namespace backstop::replay {

enum class Opening : std::uint8_t { unanswered, refused, half_open, established };
enum class Side : std::uint8_t { nobody, host, peer, both };

struct Outcome {
  Opening opening = Opening::unanswered;
  std::uint64_t received = 0;  ///< octets of the peer's text that the host acknowledged
  std::uint64_t sent = 0;      ///< octets of the host's text that the peer acknowledged
  /// Who closed without knowing that the other had: an order that is the same wherever the capture was made.
  Side first_fin = Side::nobody;
  bool both_fins = false;
  Side reset_by = Side::nobody;
  State state = State::closed;  ///< of the host, at the end

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

/// "established, received 64, sent 0, closed by the peer and then by the host, CLOSED".
std::string to_string(const Outcome& outcome);

class Observer {
 public:
  /// A segment that reached the host.
  void inbound(const wire::Segment& segment);
  /// A segment that the host sent.
  void outbound(const wire::Segment& segment);

  /// As if the host had acknowledged everything up to `edge` at the end.
  void acknowledge(Offset edge);

  [[nodiscard]] Outcome outcome() const;
  [[nodiscard]] Side reset_by() const { return reset_by_; }
  /// Whether something of the peer's is not acknowledged, and the host had no reason to be silent.
  [[nodiscard]] bool owes_acknowledgment() const {
    return established() && reset_by_ == Side::nobody && !has_disowned_ && peer_.edge > peer_.acked;
  }
  [[nodiscard]] AckTrail& acks() { return acks_; }
  /// Behind the highest octet (or SYN, FIN) that the host has sent.
  [[nodiscard]] Offset sent_edge() const { return host_.edge; }
  /// The highest acknowledgment that the host has sent.
  [[nodiscard]] Offset acked_edge() const { return peer_.acked; }
  [[nodiscard]] const std::optional<StreamOrigin>& host_origin() const { return host_.origin; }
  [[nodiscard]] const std::optional<StreamOrigin>& peer_origin() const { return peer_.origin; }

 private:
  // One direction of the connection.
  struct Stream {
    std::optional<StreamOrigin> origin;
    Offset edge = 0;   // behind the highest octet seen
    Offset acked = 0;  // the highest acknowledgment of it
    std::optional<Offset> fin;

    void see(const wire::Segment& segment);
    void acknowledge(SeqNum ack);
    [[nodiscard]] bool fin_acked() const { return fin && acked > *fin; }
    [[nodiscard]] std::uint64_t acked_text() const;
  };

  [[nodiscard]] bool established() const { return host_.acked > 0 && peer_.acked > 0; }
  [[nodiscard]] bool over() const { return host_.fin_acked() && peer_.fin_acked(); }
  [[nodiscard]] Opening opening() const;
  [[nodiscard]] Side first_fin() const;
  [[nodiscard]] State state() const;
  [[nodiscard]] State state_after_fins() const;

  Stream host_;
  Stream peer_;
  bool refused_ = false;
  bool host_closed_first_ = false;  // its FIN was out before it had acknowledged the peer's
  bool peer_closed_first_ = false;
  Side reset_by_ = Side::nobody;
  bool has_disowned_ = false;  // the host answered like one that knows no connection
  AckTrail acks_;
};

}  // namespace backstop::replay
