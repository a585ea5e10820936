#include "tests/simulation/user.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "tests/simulation/failure.hpp"

namespace backstop::simulation {
namespace {

constexpr std::size_t states = 11;

// Which states can be reached over any number of edges of Figure 5: a user does not see every single step.
using Reach = std::array<std::array<bool, states>, states>;

Reach reach() {
  Reach table{};
  for (std::size_t from = 0; from < states; ++from) {
    for (std::size_t to = 0; to < states; ++to) {
      table[from][to] = from == to || is_edge(static_cast<State>(from), static_cast<State>(to));
    }
  }
  // No handle sees a CLOSED connection come back to life.
  for (std::size_t to = 0; to < states; ++to) table[0][to] = to == 0;
  for (std::size_t middle = 1; middle < states; ++middle) {
    for (auto& row : table) {
      for (std::size_t to = 0; to < states; ++to) row[to] = row[to] || (row[middle] && table[middle][to]);
    }
  }
  return table;
}

bool is_reachable(State from, State to) {
  static const Reach table = reach();
  return table[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}

std::string name(const FourTuple& tuple) {
  return std::string(AddressText(tuple.local).view()) + " > " + std::string(AddressText(tuple.remote).view());
}

std::array<std::byte, 32'768>& scratch() {
  static thread_local std::array<std::byte, 32'768> buffer;
  return buffer;
}

}  // namespace

// Ends ----------------------------------------------------------------------------------------------------------------

End& Ends::add(const FourTuple& tuple, bool active) {
  End& end = ends_.emplace_back();
  end.id = static_cast<EndId>(ends_.size() - 1);
  end.tuple = tuple;
  end.active = active;
  return end;
}

std::string Ends::introduce(End& reader, EndId writer) {
  if (writer >= ends_.size()) return "a stream that nobody writes";
  End& other = ends_[writer];
  if (other.tuple.local != reader.tuple.remote || other.tuple.remote != reader.tuple.local) {
    return "the stream of another connection: " + simulation::name(other.tuple);
  }
  if (other.peer && *other.peer != reader.id) {
    if (!reader.may_be_again || !ends_[*other.peer].over) return "a stream that somebody else reads already";
    reader.may_be_refused = true;
    reader.peer = writer;
    return {};
  }
  other.peer = reader.id;
  reader.peer = writer;
  return {};
}

// The user ------------------------------------------------------------------------------------------------------------

User::User(Stream stream, End& end, Ends& ends, const Manner& manner, Instant now)
    : stream_(std::move(stream)),
      end_(end),
      ends_(ends),
      manner_(manner),
      state_(stream_.state()),
      next_write_(now),
      next_read_(now + manner.read_delay) {
  if (manner.no_delay) stream_.set_no_delay(true);
}

void User::hear(Readiness what) {
  if (what.readable || what.closed) read_blocked_ = false;
  if (what.writable || what.closed) write_blocked_ = false;
}

Instant User::act(Instant now) {
  if (gone()) return never;
  note_state();
  write(now);
  if (!gone()) read(now);
  if (!gone() && manner_.echo) write(now);
  if (!gone()) follow_manner(now);
  if (gone()) return never;
  Instant next = never;
  if (!write_blocked_ && !write_failed_ && end_.written < goal()) next = std::min(next, next_write_);
  if (!read_blocked_ && !end_.saw_end) next = std::min(next, next_read_);
  return next;
}

std::uint64_t User::goal() const {
  const std::uint64_t echoed = manner_.echo && end_.read > name_size ? end_.read - name_size : 0;
  return end_.closed_sending ? end_.written : manner_.octets + echoed;
}

// Writing -------------------------------------------------------------------------------------------------------------

void User::write(Instant now) {
  while (end_.written < goal() && !write_blocked_ && !write_failed_ && now >= next_write_) {
    const std::size_t wanted = std::min<std::uint64_t>({manner_.write_size, goal() - end_.written, scratch().size()});
    const auto taken = write_some(wanted);
    if (!taken) {
      write_blocked_ = taken.error() == Error::would_block;
      write_failed_ = !write_blocked_;  // why, the next read tells
      return;
    }
    if (*taken == 0 || *taken > wanted) throw Failure("write() took " + std::to_string(*taken) + " octets");
    end_.written += *taken;
    if (manner_.write_pause > Duration{}) next_write_ = now + manner_.write_pause;
  }
}

std::expected<std::size_t, Error> User::write_some(std::size_t size) {
  if (!manner_.in_place) {
    const MutableBytes text = MutableBytes{scratch()}.first(size);
    fill_text(end_.id, end_.written, text);
    return stream_.write(text);
  }
  const auto room = stream_.write_space();
  if (!room) return std::unexpected(room.error());
  const std::size_t part = std::min(room->size(), size);
  fill_text(end_.id, end_.written, room->first(part));
  stream_.commit(part);
  return part;
}

// Reading -------------------------------------------------------------------------------------------------------------

void User::read(Instant now) {
  while (!end_.saw_end && !read_blocked_ && now >= next_read_) {
    const auto size = read_some(std::min<std::size_t>(manner_.read_size, scratch().size()));
    if (!size && size.error() == Error::would_block) {
      read_blocked_ = true;
      return;
    }
    if (!size) return fail(size.error(), now);
    end_.saw_end = *size == 0;
    if (manner_.read_pause > Duration{}) next_read_ = now + manner_.read_pause;
  }
}

std::expected<std::size_t, Error> User::read_some(std::size_t size) {
  if (!manner_.in_place) {
    const MutableBytes buffer = MutableBytes{scratch()}.first(size);
    const auto taken = stream_.read(buffer);
    if (taken) check(buffer.first(*taken));
    return taken;
  }
  const auto piece = stream_.peek();
  if (!piece) return std::unexpected(piece.error());
  const Bytes part = piece->first(std::min(piece->size(), size));
  check(part);
  stream_.consume(part.size());
  return part.size();
}

void User::check(Bytes text) {
  while (end_.read < name_size && !text.empty()) {
    name_ |= std::to_integer<EndId>(text[0]) << (8 * end_.read);
    text = text.subspan(1);
    if (++end_.read < name_size) continue;
    const std::string wrong = ends_.introduce(end_, name_);
    if (!wrong.empty()) throw Failure(simulation::name(end_.tuple) + " reads " + wrong);
  }
  if (text.empty()) return;
  if (!is_text_of(name_, end_.read, text)) {
    throw Failure(simulation::name(end_.tuple) + " reads something else than was written, from octet " +
                  std::to_string(end_.read) + " on, " + std::to_string(text.size()) + " octets");
  }
  end_.read += text.size();
  if (end_.read > ends_[name_].written) throw Failure(simulation::name(end_.tuple) + " reads more than was written");
}

// Ending --------------------------------------------------------------------------------------------------------------

void User::follow_manner(Instant now) {
  const bool all_written = end_.written >= goal();
  if (manner_.ending == Ending::abort && end_.written + end_.read >= manner_.abort_after) {
    end_.forceful = true;
    stream_.abort();
    return leave(now);
  }
  if (manner_.ending == Ending::leave && all_written) {
    end_.forceful = true;
    return leave(now);
  }
  const bool after_peer = manner_.ending == Ending::close_after_peer || manner_.echo;
  // CLOSE in SYN-SENT would forget what was written (RFC 9293 section 3.10.4).
  const bool may_close = all_written && !write_failed_ && state_ != State::syn_sent;
  if (may_close && !end_.closed_sending && (end_.saw_end || !after_peer)) {
    end_.closed_sending = stream_.close().has_value();
    note_state();
  }
  if (!end_.saw_end) return;
  if (state_ == State::closed || (end_.closed_sending && !manner_.lingers)) leave(now);
}

void User::leave(Instant now) {
  end_.over = true;
  end_.ended_at = now;
  stream_.reset();
}

void User::fail(Error error, Instant now) {
  end_.error = error;
  leave(now);
}

void User::dismiss(Instant now) {
  end_.forceful = true;
  stream_.abort();
  leave(now);
}

void User::note_state() {
  const State now = stream_.state();
  if (!is_reachable(state_, now)) {
    throw Failure(simulation::name(end_.tuple) + " went from " + std::string(to_string(state_)) + " to " +
                  std::string(to_string(now)));
  }
  end_.was_established = end_.was_established || (is_synchronized(now) && now != State::closed);
  state_ = now;
}

bool User::is_owed() const {
  const ConnectionInfo info = stream_.info();
  if (info.state == State::closed || info.state == State::time_wait) return false;
  const bool fin_owed = end_.closed_sending && info.state != State::fin_wait_2;
  return info.bytes_acked < end_.written || fin_owed || info.state == State::syn_sent;
}

std::string User::describe() const {
  const ConnectionInfo info = stream_.info();
  return simulation::name(end_.tuple) + " in " + std::string(to_string(info.state)) + ": wrote " +
         std::to_string(end_.written) + " of " + std::to_string(goal()) + ", " + std::to_string(info.bytes_acked) +
         " acknowledged, " + std::to_string(info.unsent) + " unsent, " + std::to_string(info.in_flight) +
         " in flight, read " + std::to_string(end_.read) + ", " + std::to_string(info.unread) + " unread, snd.wnd " +
         std::to_string(info.send_window) + ", rcv.wnd " + std::to_string(info.receive_window) + ", cwnd " +
         std::to_string(info.congestion_window) + (end_.closed_sending ? ", closed" : "") +
         (end_.saw_end ? ", saw the end" : "") + (write_blocked_ ? ", waits for room" : "") +
         (read_blocked_ ? ", waits for text" : "");
}

}  // namespace backstop::simulation
