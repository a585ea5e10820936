// Text that was written and that the stack is not given yet: what is less than a segment while the socket is corked
// (TCP_CORK, MSG_MORE), and what stands behind an end of record (MSG_EOR) until the stack has sent all before it, so
// that no segment has parts of two records.
#include <algorithm>

#include "tools/packetdrill/calls.hpp"

namespace backstop::packetdrill {
namespace {

bool is_corked(const Socket& socket) { return socket.options.cork || socket.more_follows; }

/// Octets of the held text that may go together.
std::size_t free_to_go(const Socket& socket) {
  if (!socket.record_ends.empty()) return socket.record_ends.front() - socket.handed;
  const std::size_t segment = std::max<std::size_t>(socket.stream.info().mss, 1);
  return is_corked(socket) ? socket.held.size() / segment * segment : socket.held.size();
}

// Only a change is told: a stack that is told something has something to do, and what waits looks again when it has.
void set_no_delay(Socket& socket, bool no_delay) {
  if (socket.stream.options().no_delay != no_delay) socket.stream.set_no_delay(no_delay);
}

/// Whether the record before the held text is not sent yet. Then it is not the last text either, and Nagle's algorithm
/// has no business with it.
bool waits_for_record(Socket& socket) {
  if (socket.record_ends.empty() || socket.record_ends.front() != socket.handed) return false;
  if (socket.stream.info().unsent > 0) {
    set_no_delay(socket, true);
    return true;
  }
  socket.record_ends.pop_front();
  return false;
}

void give_to_stack(Socket& socket, std::size_t size) {
  const bool is_last = size == socket.held.size();
  set_no_delay(socket, socket.connection.no_delay || !is_last);
  const Bytes text = Bytes{socket.held}.first(size);
  const std::size_t taken = (socket.urgent ? socket.stream.write_urgent(text) : socket.stream.write(text)).value_or(0);
  socket.handed += taken;
  socket.held.erase(socket.held.begin(), socket.held.begin() + static_cast<std::ptrdiff_t>(taken));
}

}  // namespace

void Calls::hold(Socket& socket, Bytes text) {
  if (socket.held.empty()) {
    socket.held_since = host_.now();
    socket.acked_while_held = socket.stream.info().bytes_acked;
  }
  socket.held.insert(socket.held.end(), text.begin(), text.end());
}

void Calls::end_record(Socket& socket) {
  socket.record_ends.push_back(socket.handed + socket.held.size());
  let_go(socket);
}

void Calls::let_go(Socket& socket) {
  while (!socket.held.empty() && !waits_for_record(socket)) {
    const std::size_t size = std::min(free_to_go(socket), socket.held.size());
    if (size == 0) break;
    const std::size_t before = socket.held.size();
    give_to_stack(socket, size);
    if (socket.held.size() == before) break;
  }
}

void Calls::uncork(Socket& socket) {
  socket.more_follows = false;
  const bool cork = std::exchange(socket.options.cork, false);
  let_go(socket);
  socket.options.cork = cork;
}

/// The last text was written: records matter no more.
void Calls::let_go_of_all(Socket& socket) {
  socket.record_ends.clear();
  uncork(socket);
}

/// When Linux gives up waiting for more: its persist timer, which runs when nothing else does, sends what there is.
Instant Calls::cork_ends_at(const Socket& socket) {
  if (!socket.has_stream() || socket.held.empty() || !is_corked(socket)) return never;
  const ConnectionInfo info = socket.stream.info();
  return info.unacknowledged == 0 && info.unsent == 0 ? socket.held_since + info.rto : never;
}

void Calls::look_after_held_text(Socket& socket) {
  if (socket.held.empty()) return;
  if (cork_ends_at(socket) <= host_.now()) {
    socket.held_since = host_.now();  // should the stack not take it, this is the next time to try
    return uncork(socket);
  }
  // MSG_MORE is forgotten with the call: the next acknowledgment lets go of what it held.
  const std::uint64_t acked = socket.stream.info().bytes_acked;
  if (std::exchange(socket.acked_while_held, acked) < acked) socket.more_follows = false;
  let_go(socket);
}

}  // namespace backstop::packetdrill
