#include "tools/ladder/ladder.hpp"

#include <algorithm>

namespace backstop::ladder {

std::string_view colour_of(Kind kind) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(Kind::count_)> colours{
      "reset", "reset", "again", "order", "duplicate", "window", "soft", "ack", "ink"};
  return colours[static_cast<std::size_t>(kind)];
}

std::string_view name_of(Kind kind) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(Kind::count_)> names{
      "RST",      "ICMP", "retransmission", "out of order, gap", "duplicate ACK", "window", "keep-alive",
      "SYN, FIN", "text"};
  return names[static_cast<std::size_t>(kind)];
}

bool is_pause(Duration time, Duration distance) {
  using namespace std::chrono_literals;
  return time > std::max<Duration>(20ms, distance * 10);
}

}  // namespace backstop::ladder
