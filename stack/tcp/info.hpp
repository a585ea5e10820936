// A look into one connection, in the terms of Linux's tcp_info where it has one.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/tcp/error.hpp"
#include "stack/tcp/state.hpp"
#include "stack/tcp/time.hpp"
#include "stack/wire/address.hpp"

namespace backstop {

/// What the sender believes about loss.
enum class Recovery : std::uint8_t {
  open,      ///< nothing is lost
  recovery,  ///< a loss was detected by acknowledgments: PRR steers cwnd
  loss,      ///< the retransmission timer fired: slow start from one segment
};

struct ConnectionInfo {
  std::optional<Error>
      soft_error;  ///< what ICMP last said of the path; no reason to give up (RFC 9293 section 3.9.2.2)
  FourTuple tuple;
  State state = State::closed;
  std::uint32_t mss = 0;             ///< octets of text in a full segment we send
  std::uint32_t peer_mss = 0;        ///< what the peer announced
  std::uint32_t send_window = 0;     ///< SND.WND, octets
  std::uint32_t receive_window = 0;  ///< RCV.WND, octets
  std::uint8_t send_scale = 0;
  std::uint8_t receive_scale = 0;
  bool timestamps = false;
  bool selective_acks = false;
  bool window_scaling = false;
  bool ecn = false;
  std::uint16_t path_mtu = 0;
  Duration srtt{};  ///< zero before the first sample
  Duration rttvar{};
  Duration minimum_rtt{};
  Duration rto{};
  std::uint8_t backoff = 0;  ///< times the RTO was doubled
  Recovery recovery = Recovery::open;
  std::uint8_t duplicate_acks = 0;
  std::uint32_t congestion_window = 0;  ///< octets
  std::uint32_t slow_start_threshold = 0;
  std::uint32_t in_flight = 0;       ///< octets, as the sender estimates
  std::uint32_t unacknowledged = 0;  ///< octets of sequence space between SND.UNA and SND.NXT
  std::uint32_t sacked = 0;          ///< of these, octets that the peer has out of order
  std::uint32_t lost = 0;            ///< of these, octets deemed lost and not sent again yet
  std::uint32_t unsent = 0;          ///< octets written by the user and never sent
  std::uint32_t urgent = 0;  ///< octets up to the end of the peer's urgent text, what has not arrived counted (MUST-33)
  std::uint32_t unread = 0;  ///< octets received in order and not read by the user
  std::uint64_t bytes_acked = 0;  ///< of ours, by the peer
  std::uint64_t bytes_received = 0;
  std::uint32_t segments_sent = 0;
  std::uint32_t segments_received = 0;
  std::uint32_t retransmissions = 0;  ///< segments
  std::uint64_t delivered = 0;        ///< octets of ours that the peer has, those out of order counted
  std::uint8_t reordering = 0;        ///< RACK's patience, in quarters of the smallest RTT; 0: no reordering was seen
  std::uint8_t probes = 0;            ///< of keep-alive or of a closed window, unanswered
  bool urgent_sent = false;           ///< urgent text of ours is not acknowledged yet
  Instant last_text_sent{};           ///< also when it was sent again
  Instant last_heard{};               ///< when the last segment arrived
};

}  // namespace backstop
