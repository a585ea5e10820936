// One pool for all queues: what runs low, and who goes on nevertheless.
#include <algorithm>
#include <array>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/link.hpp"

using namespace backstop;
using namespace backstop::test;
using namespace std::chrono_literals;

namespace {

// Echoes as much as there is room for, and keeps the rest.
void echo(Stream& stream) {
  while (const auto text = stream.peek()) {
    if (text->empty()) return;
    const auto written = stream.write(*text);
    if (!written) return;
    stream.consume(*written);
  }
}

}  // namespace

TEST_CASE("memory: whoever must answer to read on finds room though what arrived filled the pool") {
  static constexpr std::size_t connections = 12;
  static constexpr std::size_t total = 40'000;
  TwoHosts hosts{{.delay = 1ms}, 1, {}, [](Config& config) {
                   config.blocks = 16;
                   config.block_size = 1024;
                 }};
  std::vector<TwoHosts::Connection> all;
  for (std::size_t i = 0; i < connections; ++i) all.push_back(hosts.connect(80));

  std::array<std::byte, 1000> piece{};
  std::vector<std::size_t> sent(connections), received(connections);
  const auto turn = [&] {
    for (std::size_t i = 0; i < connections; ++i) {
      while (sent[i] < total) {
        const auto written = all[i].first.write(Bytes{piece}.first(std::min(piece.size(), total - sent[i])));
        if (!written) break;
        sent[i] += *written;
      }
      echo(all[i].second);
      while (const auto size = all[i].first.read(piece)) received[i] += *size;
    }
    return std::all_of(received.begin(), received.end(), [](std::size_t octets) { return octets == total; });
  };
  CHECK(hosts.link.run_until(turn, 600s));
  hosts.link.run_for(1s);
  CHECK(hosts.second.blocks_in_use() == 0);
}
