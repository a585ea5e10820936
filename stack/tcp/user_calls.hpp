// The user's calls on one connection (RFC 9293 section 3.10.1 to 3.10.6), as the handles in stack/stream.hpp make them.
#pragma once

#include <expected>

#include "stack/tcp/info.hpp"
#include "stack/tcp/tcb.hpp"

namespace backstop::tcp {

/// OPEN, active: SYN-SENT; the SYN comes from output().
void open_actively(Tcb& tcb, const FourTuple& tuple, SeqNum iss, std::uint32_t ts_offset, Environment& env,
                   Instant now);

/// SEND: takes as much of `text` as there is room for, and returns how much.
std::expected<std::size_t, Error> write(Tcb& tcb, Bytes text, Environment& env);
/// The same in two halves: room to write into, and the octets that were written there.
/// Whether they were taken: not when the connection was closed in between.
std::expected<MutableBytes, Error> write_space(Tcb& tcb, Environment& env);
bool commit(Tcb& tcb, std::uint32_t size);
/// The urgent flag of SEND: everything written so far is urgent (section 3.8.5).
void mark_urgent(Tcb& tcb);

/// RECEIVE: moves as much text as `buffer` holds, and returns how much (0: the end of text).
std::expected<std::size_t, Error> read(Tcb& tcb, MutableBytes buffer, Environment& env);
/// The same in two halves: the text at the front (empty: the end of text), and the octets that were taken.
std::expected<Bytes, Error> peek(const Tcb& tcb, const Environment& env);
void consume(Tcb& tcb, std::uint32_t size, Environment& env);
/// What follows when the user has taken what he wanted: the window may grow, and the peer must hear of it.
void end_reading(Tcb& tcb, Environment& env, Instant now);

/// CLOSE: FIN behind everything written.
std::expected<void, Error> close(Tcb& tcb, Environment& env);
/// ABORT: CLOSED at once. Returns the RST to send, when the peer knows of the connection.
std::optional<wire::Segment> abort(Tcb& tcb, Environment& env, Instant now);

/// Moves the connection to another set of options, whose user it becomes; what depends on them is set anew.
void change_options(Tcb& tcb, OptionSetId options, Environment& env, Instant now);

ConnectionInfo info(const Tcb& tcb, const Environment& env);

}  // namespace backstop::tcp
