// How much a writer may write: Linux's accounting of a send buffer, which scripts see in the results of their writes.
// The stack itself has room for all of it.
#include <algorithm>
#include <bit>

#include "tools/packetdrill/calls.hpp"

namespace backstop::packetdrill {
namespace {

// What Linux counts for a buffer of text beside the text.
constexpr std::uint32_t cost_of_a_buffer = 1280;

// Linux fills buffers up to half of the largest window the peer had, in whole segments.
std::uint32_t buffer_size(const Socket& socket, const ConnectionInfo& info) {
  constexpr std::uint32_t most = 65'536 - 320;
  const std::uint32_t mss = std::max(info.mss, 1u);
  return std::max(std::min(most, socket.largest_window / 2) / mss, 1u) * mss;
}

std::uint64_t cost(const Socket& socket, const ConnectionInfo& info) {
  const std::uint64_t queued = std::uint64_t{info.unacknowledged} + info.unsent + socket.held.size();
  const std::uint64_t buffers = (queued + buffer_size(socket, info) - 1) / buffer_size(socket, info);
  return queued + buffers * cost_of_a_buffer;
}

// Room for two congestion windows of segments, as Linux allocates them.
std::uint64_t wanted_size(const ConnectionInfo& info) {
  const std::uint32_t mss = std::max(info.mss, 1u);
  const std::uint64_t segments = std::max(info.congestion_window / mss, 10u);
  return 2 * segments * (std::bit_ceil(mss + 640) + 256);
}

}  // namespace

void Calls::begin_send_buffer(Socket& socket) {
  if (socket.options.send_buffer_set) return;
  const Settings& settings = host_.settings();
  const auto wanted = std::min<std::uint64_t>(wanted_size(socket.stream.info()), settings.largest_send_buffer);
  socket.send_buffer = std::max(settings.send_buffer, static_cast<std::uint32_t>(wanted));
}

/// How much fits without asking again: the rest of the buffer that is being filled, or a whole one. 0: the writer
/// waits.
std::size_t Calls::next_portion(Socket& socket) const {
  const ConnectionInfo info = socket.stream.info();
  socket.largest_window = std::max(socket.largest_window, info.send_window);
  if (cost(socket, info) >= socket.send_buffer) return 0;
  const std::uint64_t unsent = info.unsent + socket.held.size();
  if (unsent >= socket.options.not_sent_low_water) return 0;
  const std::uint32_t size = buffer_size(socket, info);
  return size - unsent % size;
}

// A third must be free, and little unsent.
bool Calls::is_writable(const Socket& socket) const {
  const ConnectionInfo info = socket.stream.info();
  const std::uint64_t used = cost(socket, info);
  if (used > socket.send_buffer || socket.send_buffer - used < used / 2) return false;
  return 2 * std::uint64_t{info.unsent} < socket.options.not_sent_low_water;
}

/// After acknowledgments, for a writer that was told to wait: the buffer grows with the congestion window, unless that
/// is what holds text back.
void Calls::make_room(Socket& socket) {
  if (!socket.no_space) return;
  const ConnectionInfo info = socket.stream.info();
  if (!socket.options.send_buffer_set && info.in_flight + info.mss <= info.congestion_window) {
    const auto wanted = std::min<std::uint64_t>(wanted_size(info), host_.settings().largest_send_buffer);
    socket.send_buffer = std::max(socket.send_buffer, static_cast<std::uint32_t>(wanted));
  }
  if (!is_writable(socket)) return;
  socket.no_space = false;
  rearm(socket);
}

}  // namespace backstop::packetdrill
