// Two stacks on a bad link: whatever it does, the text arrives, every octet of it, and both ends close in order.
#include "tests/support/transfer.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/link.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t megabyte = 1'000'000;

// A transfer from the first host to the second, both closing; the second's text goes back at the same time when
// `back` is not zero. Returns how long it took.
Duration transfer(TwoHosts& hosts, std::uint64_t forth, std::uint64_t back, Duration limit = 1h) {
  auto [first, second] = hosts.connect();
  Source source{first, forth};
  Source back_source{second, back};
  Sink sink{second};
  Sink back_sink{first};
  const Instant begin = hosts.link.now();
  const bool done = hosts.link.run_until(
      [&] {
        source.run();
        back_source.run();
        sink.run();
        back_sink.run();
        const bool failed = sink.error() || back_sink.error() || source.error() || back_source.error();
        return failed || (sink.ended() && back_sink.ended());
      },
      limit);
  INFO(hosts.link.story().text());
  REQUIRE(done);
  REQUIRE(sink.ended());
  REQUIRE(back_sink.ended());
  REQUIRE(sink.received() == forth);
  REQUIRE(back_sink.received() == back);
  REQUIRE(sink.right());
  REQUIRE(back_sink.right());
  const Duration took = hosts.link.now() - begin;
  // Both ends reach CLOSED, and nothing of the memory is kept.
  REQUIRE(
      hosts.link.run_until([&] { return first.state() == State::closed && second.state() == State::closed; }, 10min));
  CHECK(hosts.first.blocks_in_use() == 0);
  CHECK(hosts.second.blocks_in_use() == 0);
  return took;
}

TEST_CASE("transfer: a good link carries a megabyte each way, without a retransmission") {
  TwoHosts hosts;
  transfer(hosts, megabyte, megabyte);
  CHECK(hosts.first.statistics().segments_retransmitted == 0);
  CHECK(hosts.second.statistics().segments_retransmitted == 0);
}

TEST_CASE("transfer: five per cent of loss, duplication and reordering, a megabyte each way, many seeds") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 21)));
  CAPTURE(seed);
  TwoHosts hosts{{.delay = 10ms, .loss = 0.05, .duplicate = 0.05, .reorder = 0.05}, seed};
  transfer(hosts, megabyte, megabyte);
  CHECK(hosts.first.statistics().segments_retransmitted > 0);
}

TEST_CASE("transfer: a megabyte in one direction only") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(100, 105)));
  CAPTURE(seed);
  const Conditions conditions{.delay = 10ms, .loss = 0.05, .duplicate = 0.05, .reorder = 0.05};
  SECTION("forward") {
    TwoHosts hosts{conditions, seed};
    transfer(hosts, megabyte, 0);
  }
  SECTION("backward") {
    TwoHosts hosts{conditions, seed};
    transfer(hosts, 0, megabyte);
  }
}

TEST_CASE("transfer: corruption is found by the checksums") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(200, 205)));
  CAPTURE(seed);
  TwoHosts hosts{{.delay = 5ms, .corrupt = 0.05}, seed};
  transfer(hosts, megabyte / 2, megabyte / 2);
  CHECK(hosts.second.statistics().dropped(Drop::tcp_bad_checksum) > 0);
}

TEST_CASE("transfer: losses in bursts") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(300, 310)));
  CAPTURE(seed);
  TwoHosts hosts{{.delay = 20ms, .burst_loss = {.to_bad = 0.02, .to_good = 0.4, .in_bad = 0.9}}, seed};
  transfer(hosts, megabyte / 2, megabyte / 2);
}

TEST_CASE("transfer: peers without SACK, timestamps and window scale") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(400, 405)));
  const bool sack = GENERATE(false, true);
  const bool timestamps = GENERATE(false, true);
  CAPTURE(seed, sack, timestamps);
  TwoHosts hosts{{.delay = 5ms, .loss = 0.03, .reorder = 0.03}, seed, {}, [&](Config& config) {
                   config.tcp.selective_acks = sack;
                   config.tcp.timestamps = timestamps;
                   config.tcp.window_scaling = false;
                 }};
  transfer(hosts, megabyte / 4, megabyte / 4);
}

TEST_CASE("transfer: a slow line with a short queue") {
  TwoHosts hosts{{.delay = 20ms, .rate = 10'000'000, .queue = 20}, 1};
  const Duration took = transfer(hosts, 4 * megabyte, 0);
  CHECK(took < 8s);  // 3.4 s at full rate with the headers
}

TEST_CASE("transfer: a slow reader, whose window closes again and again") {
  TwoHosts hosts{{.delay = 5ms, .loss = 0.01}, 7, [](Config& config) { config.tcp.receive_buffer = 20'000; }};
  auto [first, second] = hosts.connect();
  Source source{first, 200'000};
  Sink sink{second};
  for (int read = 0; read < 200 && !sink.ended(); ++read) {
    sink.run(3000);
    hosts.link.run_until(
        [&] {
          source.run();
          return false;
        },
        30ms);
  }
  CHECK(sink.ended());
  CHECK(sink.right());
  CHECK(sink.received() == 200'000);
}

TEST_CASE("transfer: a small MSS and a tiny buffer") {
  TwoHosts hosts{{.delay = 1ms, .loss = 0.02}, 3, [](Config& config) {
                   config.mtu = 256;
                   config.tcp.receive_buffer = 700;
                   config.tcp.send_buffer = 700;
                 }};
  transfer(hosts, 20'000, 20'000);
}

TEST_CASE("transfer: a pool that is much smaller than the windows") {
  TwoHosts hosts{{.delay = 5ms, .loss = 0.02, .reorder = 0.1}, 5, [](Config& config) {
                   config.blocks = 24;
                   config.block_size = 2048;
                 }};
  transfer(hosts, megabyte / 4, megabyte / 4);
}

TEST_CASE("transfer: a device that cuts segments itself and finishes checksums") {
  TwoHosts hosts{{.delay = 5ms, .loss = 0.01}, 9, [](Config& config) {
                   config.segmentation_offload = 65'000;
                   config.checksum_offload = true;
                 }};
  transfer(hosts, 2 * megabyte, megabyte);
}

TEST_CASE("transfer: one lost segment in the middle is repaired without a timeout") {
  const bool sack = GENERATE(true, false);
  CAPTURE(sack);
  TwoHosts hosts{{.delay = 20ms}, 1, [&](Config& config) { config.tcp.selective_acks = sack; }};
  hosts.link.drop_nth_text(Way::forward, 20);
  const Duration took = transfer(hosts, 200'000, 0);
  CHECK(hosts.first.statistics().segments_retransmitted == 1);
  CHECK(took < 700ms);
}

TEST_CASE("transfer: the last segment lost is sent again with its FIN, and costs one timeout at most") {
  TwoHosts hosts{{.delay = 20ms}, 1};
  hosts.link.drop_nth_text(Way::forward, 7);
  const Duration took = transfer(hosts, 7 * 1448, 0);
  CHECK(took < 600ms);
  CHECK(hosts.first.statistics().segments_retransmitted == 1);
}

TEST_CASE("transfer: every packet lost for a while, then none") {
  TwoHosts hosts{{.delay = 10ms}, 1};
  auto [first, second] = hosts.connect();
  Source source{first, 300'000};
  Sink sink{second};
  const auto done = [&] {
    source.run();
    sink.run();
    return sink.ended() || sink.error();
  };
  CHECK_FALSE(hosts.link.run_until(done, 35ms));
  hosts.link.conditions(Way::forward).loss = 1;
  CHECK_FALSE(hosts.link.run_until(done, 20s));
  hosts.link.conditions(Way::forward).loss = 0;
  CHECK(hosts.link.run_until(done, 2min));
  CHECK(sink.ended());
  CHECK(sink.right());
  CHECK(sink.received() == 300'000);
}

TEST_CASE("transfer: the handshake through heavy loss") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(500, 530)));
  CAPTURE(seed);
  TwoHosts hosts{{.delay = 10ms, .loss = 0.3}, seed};
  transfer(hosts, 1000, 1000, 1h);
}

}  // namespace
}  // namespace backstop::test
