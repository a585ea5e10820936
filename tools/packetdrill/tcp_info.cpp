// A connection as Linux's struct tcp_info has it: in segments where the stack counts octets.
#include <linux/tcp.h>

#include <algorithm>
#include <cstring>

#include "tools/packetdrill/calls.hpp"

namespace backstop::packetdrill {
namespace {

// linux/tcp_states.h, which only the kernel has.
std::uint8_t linux_state(State state) {
  switch (state) {
    case State::established:
      return 1;
    case State::syn_sent:
      return 2;
    case State::syn_received:
      return 3;
    case State::fin_wait_1:
      return 4;
    case State::fin_wait_2:
      return 5;
    case State::time_wait:
      return 6;
    case State::closed:
      return 7;
    case State::close_wait:
      return 8;
    case State::last_ack:
      return 9;
    case State::listen:
      return 10;
    case State::closing:
      return 11;
  }
  return 7;
}

std::uint8_t linux_congestion_state(const ConnectionInfo& info) {
  if (info.recovery == Recovery::loss) return TCP_CA_Loss;
  if (info.recovery == Recovery::recovery) return TCP_CA_Recovery;
  return info.sacked > 0 || info.duplicate_acks > 0 ? TCP_CA_Disorder : TCP_CA_Open;
}

std::uint32_t microseconds(Duration time) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

std::uint32_t milliseconds(Duration time) { return microseconds(time) / 1000; }

Socket::Limits::By what_limits(const Socket& socket, const ConnectionInfo& info) {
  using By = Socket::Limits::By;
  const std::uint64_t waits = info.unsent + socket.held.size();
  if (waits == 0 && info.unacknowledged == 0) return By::nothing;
  const std::uint32_t room = info.send_window > info.unacknowledged ? info.send_window - info.unacknowledged : 0;
  if (info.unsent > 0 && room < std::min(info.unsent, info.mss) && info.in_flight < info.congestion_window)
    return By::window;
  return socket.no_space && waits == 0 ? By::buffer : By::path;
}

}  // namespace

// Linux's "chronographs": for how long there was text, and what held it up meanwhile.
void note_limits(Socket& socket, Instant now) {
  using By = Socket::Limits::By;
  Socket::Limits& limits = socket.limits;
  const Duration passed = now - limits.since;
  if (limits.by != By::nothing) limits.busy += passed;
  if (limits.by == By::window) limits.by_window += passed;
  if (limits.by == By::buffer) limits.by_buffer += passed;
  limits.by = what_limits(socket, socket.stream.info());
  limits.since = now;
}

std::size_t fill_tcp_info(const ConnectionInfo& info, const Socket& socket, Instant now, MutableBytes out) {
  const std::uint32_t mss = std::max(info.mss, 1u);
  const auto segments = [mss](std::uint32_t octets) { return (octets + mss - 1) / mss; };
  tcp_info linux_info{};
  linux_info.tcpi_state = socket.is_listening() ? linux_state(State::listen) : linux_state(info.state);
  linux_info.tcpi_ca_state = linux_congestion_state(info);
  linux_info.tcpi_retransmits = linux_info.tcpi_backoff = info.backoff;
  linux_info.tcpi_options = static_cast<std::uint8_t>(
      (info.timestamps ? TCPI_OPT_TIMESTAMPS : 0) | (info.selective_acks ? TCPI_OPT_SACK : 0) |
      (info.window_scaling ? TCPI_OPT_WSCALE : 0) | (info.ecn ? TCPI_OPT_ECN : 0));
  linux_info.tcpi_snd_wscale = info.send_scale & 0xf;
  linux_info.tcpi_rcv_wscale = info.receive_scale & 0xf;
  linux_info.tcpi_rto = microseconds(info.rto);
  linux_info.tcpi_snd_mss = mss;
  linux_info.tcpi_rcv_mss = info.mss;
  linux_info.tcpi_unacked = segments(info.unacknowledged);
  linux_info.tcpi_sacked = segments(info.sacked);
  linux_info.tcpi_lost = segments(info.lost);
  linux_info.tcpi_last_data_recv = milliseconds(now - std::max(socket.text_arrived_at, socket.connected_at));
  linux_info.tcpi_pmtu = info.path_mtu;
  linux_info.tcpi_rcv_ssthresh = info.receive_window;
  linux_info.tcpi_rtt = microseconds(info.srtt);
  linux_info.tcpi_rttvar = microseconds(info.rttvar);
  constexpr std::uint32_t none_yet = 0x7fff'ffff;
  linux_info.tcpi_snd_ssthresh = info.slow_start_threshold == 0xffff'ffff ? none_yet : info.slow_start_threshold / mss;
  linux_info.tcpi_snd_cwnd = info.congestion_window / mss;
  linux_info.tcpi_advmss = info.path_mtu > 40 ? info.path_mtu - 40u : 0;
  linux_info.tcpi_reordering = 3;
  linux_info.tcpi_rcv_space = info.receive_window;
  linux_info.tcpi_total_retrans = info.retransmissions;
  linux_info.tcpi_bytes_acked = info.bytes_acked;
  linux_info.tcpi_bytes_received = info.bytes_received;
  linux_info.tcpi_segs_out = info.segments_sent;
  linux_info.tcpi_segs_in = info.segments_received;
  linux_info.tcpi_notsent_bytes = info.unsent;
  linux_info.tcpi_busy_time = microseconds(socket.limits.busy);
  linux_info.tcpi_rwnd_limited = microseconds(socket.limits.by_window);
  linux_info.tcpi_sndbuf_limited = microseconds(socket.limits.by_buffer);
  linux_info.tcpi_min_rtt = microseconds(info.minimum_rtt);
  linux_info.tcpi_bytes_sent = info.bytes_acked + info.unacknowledged;
  const std::size_t size = std::min(out.size(), sizeof linux_info);
  std::fill(out.begin(), out.end(), std::byte{});
  std::memcpy(out.data(), &linux_info, size);
  return out.size();  // packetdrill wants what it asked for; newer fields are zero
}

}  // namespace backstop::packetdrill
