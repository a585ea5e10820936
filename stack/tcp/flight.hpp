// What a connection needs only while something is in flight, or written and not sent: the send queue, the records of
// what was sent, and what is known of losses. An idle connection has none of it: it borrows a Flight when its user
// writes, or it sends a SYN or a FIN, and gives it back when all is acknowledged.
// Read next: sent_list.hpp, recovery.hpp, loss_detection.hpp.
#pragma once

#include <cstdint>

#include "stack/tcp/loan_pool.hpp"
#include "stack/tcp/send_queue.hpp"
#include "stack/tcp/sent_list.hpp"
#include "stack/tcp/time.hpp"
#include "stack/wire/seq.hpp"

namespace backstop::tcp {

struct Flight {
  SendQueue send_queue;
  SentList sent;
  Instant timer_at = never;  ///< of Tcb::timer
  Instant progress_at{};     ///< when the peer last acknowledged something, or had nothing to acknowledge

  SeqNum small_end;                ///< behind the last segment that was less than full (RFC 9293 appendix A.3)
  SeqNum window_round;             ///< SND.NXT when round_flight was noted: acknowledged, it begins anew
  std::uint32_t round_flight = 0;  ///< the most octets in flight in this round trip

  // Loss recovery: RFC 8985 (RACK), RFC 6937 (PRR), RFC 6582 (NewReno, without SACK).
  SeqNum recovery_point;   ///< SND.NXT when recovery began
  Instant rack_sent_at{};  ///< of the latest-sent segment known to have arrived
  SeqNum rack_end;
  SeqNum rack_highest;  ///< the highest sequence number known to have arrived
  Duration rack_rtt{};
  std::uint32_t reno_sacked = 0;     ///< octets that duplicate ACKs say have left, without SACK
  SeqNum probe_end;                  ///< SND.NXT when the loss probe was sent (RFC 8985 section 7.4)
  std::uint32_t undo_timestamp = 0;  ///< our clock when the first retransmission went out (RFC 3522)
  std::uint32_t undo_cwnd = 0;       ///< octets: what to go back to
  std::uint32_t undo_ssthresh = 0;
  std::uint32_t prr_delivered = 0;
  std::uint32_t prr_out = 0;
  std::uint32_t prr_flight = 0;  ///< RecoverFS
  std::uint8_t duplicate_acks = 0;
  std::uint8_t timeouts = 0;  ///< in a row, with nothing acknowledged: against R1
};

using FlightPool = LoanPool<Flight, 16>;

/// What a connection sees that has borrowed none. Nobody may write to it.
inline constexpr Flight nothing_in_flight;

}  // namespace backstop::tcp
