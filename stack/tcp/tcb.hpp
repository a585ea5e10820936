// The transmission control block: everything there is to know about one connection (RFC 9293 section 3.3.1).
//
//   Send sequence space                        Receive sequence space
//        1         2          3          4          1          2          3
//   ----------|----------|----------|-----     ----------|----------|----------
//          SND.UNA    SND.NXT    SND.UNA              RCV.NXT    RCV.NXT
//                                +SND.WND                        +RCV.WND
//   1 acknowledged  2 in flight                1 acknowledged  2 may arrive
//   3 may be sent   4 not yet                  3 not yet
//
// It is data; the events of section 3.10 are functions on it, a file each: segment_arrives, output, timeouts,
// user_calls.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <optional>

#include "stack/tcp/block_pool.hpp"
#include "stack/tcp/congestion.hpp"
#include "stack/tcp/counters.hpp"
#include "stack/tcp/error.hpp"
#include "stack/tcp/flight.hpp"
#include "stack/tcp/info.hpp"
#include "stack/tcp/parameters.hpp"
#include "stack/tcp/readiness.hpp"
#include "stack/tcp/receive_queue.hpp"
#include "stack/tcp/rtt.hpp"
#include "stack/tcp/state.hpp"
#include "stack/tcp/time.hpp"
#include "stack/wire/address.hpp"
#include "stack/wire/segment.hpp"

namespace backstop::tcp {

struct Tcb;

/// What the connections of one stack share.
struct Environment {
  const Parameters& parameters;
  OptionSets& option_sets;
  BlockPool& blocks;
  SentPool& sent;
  FlightPool& flights;
  HistoryPool& histories;
  Counters& counters;
  std::uint16_t mtu;                    ///< octets, of the device
  std::uint32_t segmentation_offload;   ///< largest text of one packet when the device cuts it; 0: it does not
  std::uint16_t segmentation_segments;  ///< most segments that the device makes of one packet

  [[nodiscard]] const ConnectionOptions& options(const Tcb& tcb) const;
  /// Octets of the largest packet that a new connection sends or asks for.
  [[nodiscard]] std::uint16_t largest_packet(const Tcb& tcb) const;
};

/// What the retransmission timer is armed for. The uses exclude each other, so one deadline serves them all.
enum class Timer : std::uint8_t { off, retransmission, loss_probe, reordering, persist };

/// Whether in-order text waits for its acknowledgment.
enum class AckOwed : std::uint8_t { no, delayed, now };

struct Tcb {
  FourTuple tuple;
  State state = State::closed;

  struct Send {
    SeqNum una;
    SeqNum nxt;
    std::uint32_t wnd = 0;      ///< as the peer last told, scaled (REC-1: 32 bits)
    std::uint32_t max_wnd = 0;  ///< the largest of them: RFC 5961 section 5, RFC 9293 section 3.8.6.2.1
    SeqNum wl1;                 ///< SEG.SEQ of the last window update
    SeqNum wl2;                 ///< SEG.ACK of the last window update
    SeqNum iss;
    SeqNum up;  ///< behind the urgent octets, while urgent_sent is set
    std::uint8_t scale = 0;
  } snd;

  struct Receive {
    SeqNum nxt;
    std::uint32_t wnd = 0;  ///< from nxt to the right edge that the peer was told
    SeqNum irs;
    SeqNum up;     ///< behind the urgent octets, when urgent is set
    SeqNum fin;    ///< where the peer's FIN stands, when fin_known is set
    SeqNum acked;  ///< RCV.NXT of the last segment sent: what the peer knows of
    // Right-sizing (right_sizing.hpp).
    std::uint32_t limit = 0;     ///< octets that may be held for the user
    SeqNum round_start;          ///< the next octet to read when the round began
    std::uint32_t round_at = 0;  ///< and when that was: timestamp_clock()
    std::uint8_t scale = 0;
  } rcv;

  std::uint16_t peer_mss = 536;  ///< MUST-15 until the peer's SYN says more
  std::uint16_t path_mtu = 0;    ///< of the path to the peer

  // What was negotiated, and what happened. Those that are asked about together stand together.
  bool timestamps : 1 = false;
  bool selective_acks : 1 = false;
  bool window_scaling : 1 = false;
  bool passive : 1 = false;    ///< opened by the peer's SYN (MUST-11)
  bool attached : 1 = false;   ///< a user or a listener holds it
  bool syn_acked : 1 = false;  ///< so ISS is past: 2^32 octets later text has its number
  bool ever_established : 1 = false;
  bool fragmentable : 1 = false;  ///< the path's MTU is so small that routers shall cut our packets (no DF)

  bool fin_queued : 1 = false;  ///< the user has closed: FIN follows the last text
  bool fin_sent : 1 = false;
  bool fin_acked : 1 = false;
  bool fin_known : 1 = false;
  bool fin_received : 1 = false;  ///< and everything before it
  bool urgent : 1 = false;        ///< the peer has sent urgent text that the user has not read: up to rcv.up
  bool writer_waits : 1 = false;  ///< a write found no room: tell when there is
  bool cwnd_limited : 1 = false;  ///< the congestion window held output back in this round trip: window_round

  bool urgent_sent : 1 = false;   ///< we have, and it is not acknowledged: up to snd.up
  bool probe_window : 1 = false;  ///< the persist timer has fired
  bool probe_alive : 1 = false;   ///< the keep-alive timer has fired
  bool probe_loss : 1 = false;    ///< the loss probe timer has fired
  bool ecn : 1 = false;
  bool probe_out : 1 = false;      ///< a loss probe is not acknowledged yet: probe_end
  bool may_undo : 1 = false;       ///< the loss that was reacted to may turn out not to have been one
  bool probe_repeats : 1 = false;  ///< the loss probe was a retransmission

  bool echo_congestion : 1 = false;  ///< ECE on what we send, until the peer's CWR
  bool window_reduced : 1 = false;   ///< CWR on the next new text
  bool reordering_seen : 1 = false;  ///< RFC 8985 section 6.2 step 3

  OptionSetId options = default_options;
  AckOwed ack_owed = AckOwed::no;
  Timer timer = Timer::off;
  Recovery recovery = Recovery::open;
  std::uint8_t backoff = 0;  ///< times the RTO was doubled since it was last computed
  std::uint8_t quick_acks = 0;
  std::uint8_t keep_alive_probes = 0;  ///< unanswered
  std::optional<Error> error;          ///< what ended the connection
  std::optional<Error> soft_error;     ///< what ICMP last said of the path (MUST-47)
  Readiness news;
  std::uint8_t reordering_steps = 1;  ///< the reordering window in quarters of the smallest RTT
  std::uint8_t reordering_lasts = 0;  ///< recoveries until it is one quarter again

  // Timestamps (RFC 7323).
  std::uint32_t ts_offset = 0;
  std::uint32_t ts_recent = 0;
  Instant ts_recent_at{};

  RttEstimator rtt;
  CongestionState congestion;

  /// Borrowed while there is something to send or to be acknowledged; else `nothing_in_flight`, only to be read.
  Flight* flight = const_cast<Flight*>(&nothing_in_flight);

  SeqNum ecn_point;             ///< SND.NXT at the last reaction to ECE: one for each window of text
  SeqNum reordering_round;      ///< a duplicate report widens the reordering window once before this is passed
  wire::SackBlock duplicate{};  ///< a duplicate arrival to report first (RFC 2883), when it is not empty

  ReceiveQueue receive_queue;

  Instant delayed_ack_at = never;
  Instant slow_at = never;              ///< keep-alive, half-open, FIN-WAIT-2 or TIME-WAIT, by state
  Instant heard_at{};                   ///< when the last segment arrived
  Instant sent_at{};                    ///< when text was last sent
  Instant challenged_at = immediately;  ///< when an unacceptable segment was last answered

  std::uint64_t bytes_acked = 0;
  std::uint64_t bytes_received = 0;
  std::uint32_t segments_sent = 0;
  std::uint32_t segments_received = 0;
  std::uint32_t retransmissions = 0;

  /// The only writer of the state; knows the edges of Figure 5.
  void enter(State next) {
    assert(is_edge(state, next));
    state = next;
  }

  // Sequence space of what the user wrote.
  /// SEG.SEQ of the first octet in the send queue.
  [[nodiscard]] SeqNum queue_start() const { return syn_acked ? snd.una : snd.iss + 1; }
  /// Behind the last octet written: where FIN stands, until it is acknowledged.
  [[nodiscard]] SeqNum queue_end() const { return queue_start() + flight->send_queue.size(); }
  [[nodiscard]] bool syn_sent() const { return syn_acked || snd.nxt != snd.iss; }
  /// Whether what was sent as `seq` is our SYN.
  [[nodiscard]] bool is_our_syn(SeqNum seq) const { return !syn_acked && seq == snd.iss; }
  [[nodiscard]] bool has_flight() const { return flight != &nothing_in_flight; }
  /// Text that was written and never sent.
  [[nodiscard]] std::uint32_t unsent() const {
    const SeqNum from = max(snd.nxt, queue_start());
    return from < queue_end() ? queue_end() - from : 0;
  }
  [[nodiscard]] std::uint32_t outstanding() const { return snd.nxt - snd.una; }
  /// Whether what was sent up to `point` is not acknowledged yet. A point of long ago, 2^31 octets and more, is no more
  /// in flight than any other.
  [[nodiscard]] bool is_in_flight(SeqNum point) const { return snd.una < point && point <= snd.nxt; }
  /// RFC 6675's "pipe", without walking the list: in flight as far as is known.
  [[nodiscard]] std::uint32_t in_flight() const {
    const std::uint32_t gone = flight->sent.sacked_bytes() + flight->sent.lost_bytes() + flight->reno_sacked;
    return outstanding() > gone ? outstanding() - gone : 0;
  }
  /// Octets of text in a full segment (RFC 9293 section 3.7.1): what both the peer and the path take, less options.
  [[nodiscard]] std::uint32_t mss() const {
    const std::uint32_t path = path_mtu - std::uint32_t{wire::ipv4_header_size + wire::tcp_header_size};
    return std::min<std::uint32_t>(peer_mss, path) - (timestamps ? 12u : 0u);
  }
};

// Why: what a connection costs while nothing happens on it. What it needs at times only is borrowed.
static_assert(sizeof(Tcb) <= 288);

inline const ConnectionOptions& Environment::options(const Tcb& tcb) const { return option_sets[tcb.options]; }

inline std::uint16_t Environment::largest_packet(const Tcb& tcb) const {
  constexpr std::uint32_t headers = wire::ipv4_header_size + wire::tcp_header_size;
  const std::uint32_t most = options(tcb).maximum_segment;
  return most == 0 ? mtu : static_cast<std::uint16_t>(std::min<std::uint32_t>(mtu, most + headers));
}

}  // namespace backstop::tcp
