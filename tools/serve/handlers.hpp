// What `backstop serve` can do with a connection: echo (RFC 862), discard (RFC 863), chargen (RFC 864), http, one page
// that shows the connection's own state, and a banner. Text is read and written in place, so an idle connection costs
// its coroutine's frame and no buffer.
// Read next: http_page.hpp; visitor.hpp for the honeypot, relay.hpp for the proxy.
#pragma once

#include <string_view>

#include "stack/coroutine.hpp"
#include "tools/serve/rules.hpp"

namespace backstop::tools {

/// Serves `stream` to its end. An empty task when there is no memory for its frame.
Task serve_connection(Handler handler, Stream stream);

/// Sends back what comes, until the peer has no more.
Task echo(Stream stream);
/// Takes what comes and keeps none of it.
Task discard(Stream stream);
/// Sends lines of text until the peer goes; what comes is thrown away.
Task chargen(Stream stream);
/// Answers requests with a page about the connection.
Task http(Stream stream);
/// Sends `text`, which must outlive it, and closes.
Task banner(Stream stream, std::string_view text);

/// Closes, and takes what the peer still sends: text left unread would turn our FIN into a RST that overtakes what we
/// said.
Task say_goodbye(Stream& stream);

/// Writes what stands at `position` of chargen's text into `out`: lines of 72 of the 95 printable characters, each line
/// one character on (the pattern that RFC 864 recommends). It repeats after chargen_period octets.
void fill_with_chargen(std::uint64_t position, MutableBytes out);

inline constexpr std::size_t chargen_line = 74;  ///< octets, CR and LF counted
inline constexpr std::size_t chargen_period = 95 * chargen_line;

}  // namespace backstop::tools
