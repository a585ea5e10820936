// The kernel's clients of `./dev bench`: what each does to whoever serves at the other end, and what it sees.
#pragma once

#include <chrono>
#include <string>

#include "tools/bench/peer/socket.hpp"

namespace backstop::tools::bench {

struct Measured {
  double value = 0;
  double processor = 0;  ///< seconds of the server's for each 10^9 octets; 0 where that is not asked for
};

using Time = std::chrono::milliseconds;

/// Sends to discard; Gbit/s of what the server has acknowledged. `server`: its process.
Measured send(const std::string& host, Time time, int server);
/// Takes what chargen sends; Gbit/s.
Measured receive(const std::string& host, Time time, int server);
/// One octet to echo and back, again and again; a second.
Measured round_trips(const std::string& host, Time time);
/// Connect, one octet there and back, close; so many at a time; a second.
Measured connections(const std::string& host, Time time, int at_a_time);
/// That many established connections to echo, from one of our addresses, until the process is killed. Prints "ready"
/// when they are there.
[[noreturn]] void hold_idle(const std::string& host, int count, const std::string& from);
/// How long connect() takes, in microseconds: the median of `count`.
Measured connect_time(const Peer& peer, int count);

}  // namespace backstop::tools::bench
