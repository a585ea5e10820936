// Bugs that the simulation and the fuzzers found, each in the shortest story that shows it.
#include "stack/tcp/sent_list.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("An acknowledgment on a retransmitted segment tells the window", "[3.10.7.4][SHLD-14]") {
  Scenario t;
  t.establish("<mss 1000>");
  t.write(10'000);
  t.inject(".  1:1(0) ack 1 win 3000");
  t.expect(".  1:1001(1000) ack 1");
  t.expect(".  1001:2001(1000) ack 1");
  t.expect(".  2001:3001(1000) ack 1");
  t.inject("P. 101:201(100) ack 1 win 3000");
  t.expect(".  ack 1");
  t.inject("P. 1:101(100) ack 3001 win 1000");
  t.expect(".  3001:4001(1000) ack 201");
  t.silence();
  CHECK(t.stream().info().send_window == 1000);
}

TEST_CASE("The window in the SYN,ACK of a simultaneous open is not scaled", "[3.10.7.4][RFC7323-2.2]") {
  Scenario t;
  t.connect();
  t.expect("S  0:0(0)");
  t.inject("S  0:0(0) win 1000 <mss 1000,nop,wscale 3>");
  t.expect("S. 0:0(0) ack 1");
  t.inject("S. 0:0(0) ack 1 win 1000 <mss 1000,nop,wscale 3>");
  t.write(5000);
  t.expect(".  1:1001(1000) ack 1");
  t.silence();
  CHECK(t.stream().info().send_window == 1000);
}

TEST_CASE("A record that is stretched over a second segment says nothing that holds only for the first", "[RFC6675]") {
  tcp::SentPool pool{1, 1, *std::pmr::get_default_resource()};
  tcp::SentList list;
  list.append(pool, SeqNum{100}, SeqNum{110}, Instant{});
  SECTION("the first was lost") {
    list.mark_lost(pool, list.head());
    list.append(pool, SeqNum{110}, SeqNum{130}, Instant{1s});
    CHECK(list.lost_bytes() == 30);
  }
  SECTION("the first was SACKed") {
    list.mark_sacked(pool, list.head());
    list.append(pool, SeqNum{110}, SeqNum{130}, Instant{1s});
    CHECK(list.sacked_bytes() == 0);
    CHECK_FALSE(pool[list.head()].sacked);
  }
  list.clear(pool);
  CHECK(pool.in_use() == 0);
}

TEST_CASE("Without memory for records, text is still retransmitted in segments that fit", "[RFC5681]") {
  Scenario t{[](Config& config) {
    config.max_connections = 1;  // one record for it, and two for the 2 KiB that all queues may hold
    config.blocks = 4;
    config.block_size = 512;
  }};
  t.establish("<mss 100>");
  t.write(600);
  for (int i = 0; i < 6; ++i) t.expect(i < 5 ? ". ack 1" : "P. 501:601(100) ack 1");
  t.advance(250ms);
  t.expect(".  1:101(100) ack 1");
  t.inject(".  1:1(0) ack 201");
  t.expect(".  201:301(100) ack 1");
  t.inject(".  1:1(0) ack 301");
  t.expect(".  301:401(100) ack 1");
  t.inject(".  1:1(0) ack 401");
  t.expect(".  401:501(100) ack 1");
  t.inject(".  1:1(0) ack 501");
  t.expect("P. 501:601(100) ack 1");
  t.inject(".  1:1(0) ack 601");
  t.silence();
  CHECK(t.stream().info().bytes_acked == 600);
}

TEST_CASE("regression: a pool with less room than a full segment still opens the window") {
  const IsnPair at_a_block{1'000'000, 1023};  // the peer's first octet of text is the first of a block
  Scenario t{at_a_block, [](Config& config) {
               config.mtu = 9000;
               config.blocks = 9;
               config.block_size = 1024;
             }};
  t.establish("<mss 8960>");
  t.inject(". 1:1(0) ack 1 win 0");
  const auto octets = text(0, 1000);
  while (t.stream().write(octets)) continue;  // the writer takes what a writer may
  for (std::uint32_t from = 1; from < 10'000; from += 512) {
    const std::string range = std::to_string(from) + ":" + std::to_string(from + 512) + "(512)";
    t.inject(". " + range + " ack 1 win 0");
    t.read(512);
    t.advance(1s);
    t.ignore_sent();
    CHECK(t.stream().info().receive_window >= 512);
  }
}

}  // namespace
}  // namespace backstop::test
