// The seventh and the eighth step of SEGMENT ARRIVES (RFC 9293 section 3.10.7.4): text in any order, SACK blocks about
// it (RFC 2018), and the FIN behind it.
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

constexpr auto with_sack = "<mss 1460,nop,nop,sackOK>";

TEST_CASE("seventh step: text out of order is kept, and each segment of it acknowledged at once",
          "[3.10.7.4][SHLD-31][MAY-13]") {
  Scenario t;
  t.establish(with_sack);
  t.inject(".  101:201(100) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 101:201>");
  t.inject(".  201:301(100) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 101:301>");
  t.silence();
  CHECK(t.stream().info().unread == 0);
  t.inject("P. 1:101(100) ack 1");
  t.expect(".  1:1(0) ack 301 <>");
  t.read(300);
}

TEST_CASE("seventh step: duplicate ACKs are one per segment, also within one burst", "[3.10.7.4]") {
  Scenario t;
  t.establish(with_sack);
  t.inject(".  101:201(100) ack 1");
  t.inject(".  201:301(100) ack 1");
  t.inject(".  301:401(100) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 101:201>");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 101:301>");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 101:401>");
  t.silence();
}

TEST_CASE("seventh step: the SACK block that changed last comes first", "[RFC2018]") {
  Scenario t;
  t.establish(with_sack);
  t.inject(".  101:201(100) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 101:201>");
  t.inject(".  501:601(100) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 501:601 101:201>");
  t.inject(".  301:401(100) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 301:401 501:601 101:201>");
  t.inject(".  701:801(100) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 701:801 301:401 501:601 101:201>");
  t.inject(".  901:1001(100) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 901:1001 701:801 301:401 501:601>");  // four fit
  t.inject(".  201:301(100) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 101:401 901:1001 701:801 501:601>");
  t.inject(".  1:101(100) ack 1");
  t.expect(".  1:1(0) ack 401 <nop,nop,sack 901:1001 701:801 501:601>");
  t.read(400);
}

TEST_CASE("seventh step: with timestamps, three SACK blocks fit", "[RFC2018]") {
  Scenario t;
  t.establish("<mss 1460,sackOK,TS val 1 ecr 0>");
  t.inject(".  101:201(100) ack 1");
  t.inject(".  301:401(100) ack 1");
  t.inject(".  501:601(100) ack 1");
  t.inject(".  701:801(100) ack 1");
  for (int earlier = 0; earlier < 3; ++earlier) t.expect(".  1:1(0) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,TS,nop,nop,sack 701:801 501:601 301:401>");
}

TEST_CASE("seventh step: a duplicate is reported as such (D-SACK)", "[RFC2883]") {
  Scenario t{[](Config& config) { config.tcp.quick_acks = 0; }};
  t.establish(with_sack);
  SECTION("of text in order") {
    t.inject("P. 1:101(100) ack 1");
    t.inject("P. 1:101(100) ack 1");
    t.expect(".  1:1(0) ack 101 <nop,nop,sack 1:101>");
  }
  SECTION("together with a hole") {
    t.inject("P. 1:101(100) ack 1");
    t.inject("P. 201:301(100) ack 1");
    t.expect(".  1:1(0) ack 101 <nop,nop,sack 201:301>");
    t.inject("P. 1:101(100) ack 1");
    t.expect(".  1:1(0) ack 101 <nop,nop,sack 1:101 201:301>");
  }
  t.silence();
}

TEST_CASE("seventh step: without SACK-permitted there are no SACK blocks", "[RFC2018]") {
  Scenario t;
  t.establish("<mss 1460>");
  t.inject(".  101:201(100) ack 1");
  t.expect(".  1:1(0) ack 1 <>");
  t.inject(".  1:101(100) ack 1");
  t.expect(".  1:1(0) ack 201 <>");
  t.read(200);
}

TEST_CASE("seventh step: overlaps, duplicates and holes in any order give the same text", "[3.10.7.4]") {
  Scenario t;
  t.establish(with_sack);
  t.inject(".  301:501(200) ack 1");
  t.inject(".  101:351(250) ack 1");
  t.inject(".  401:701(300) ack 1");
  t.inject(".  301:501(200) ack 1");
  t.inject(".  650:651(1) ack 1");
  t.inject(".  1:102(101) ack 1");
  t.ignore_sent();
  CHECK(t.stream().info().unread == 700);
  t.read(700);
}

TEST_CASE("eighth step: a FIN behind a hole waits until the hole is filled", "[3.10.7.4]") {
  Scenario t;
  t.establish(with_sack);
  t.inject("F. 101:201(100) ack 1");
  t.expect(".  1:1(0) ack 1 <nop,nop,sack 101:201>");
  t.state(State::established);
  t.inject(".  1:101(100) ack 1");
  t.expect(".  1:1(0) ack 202");
  t.state(State::close_wait);
  t.read(200);
  t.read_end();
}

TEST_CASE("eighth step: an empty FIN behind a hole, too", "[3.10.7.4]") {
  Scenario t;
  t.establish(with_sack);
  t.inject("F. 101:101(0) ack 1");
  t.ignore_sent();
  t.state(State::established);
  t.inject(".  1:101(100) ack 1");
  t.expect(".  1:1(0) ack 102");
  t.state(State::close_wait);
}

TEST_CASE("eighth step: the peer's FIN again is acknowledged again", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.inject("F. 1:1(0) ack 1");
  t.expect(".  1:1(0) ack 2");
  t.advance(1s);
  t.inject("F. 1:1(0) ack 1");
  t.expect(".  1:1(0) ack 2");
  t.state(State::close_wait);
}

TEST_CASE("seventh step: text behind the peer's FIN is ignored", "[3.10.7.4]") {
  Scenario t;
  t.establish();
  t.inject("F. 1:1(0) ack 1");
  t.expect(".  1:1(0) ack 2");
  t.inject("P. 2:12(10) ack 1");
  t.ignore_sent();
  CHECK(t.stream().info().unread == 0);
  t.read_end();
}

TEST_CASE("seventh step: the pool running dry never loses what was acknowledged", "[3.10.7.4]") {
  Scenario t{[](Config& config) {
    config.blocks = 8;
    config.block_size = 1024;
  }};
  t.establish(with_sack);
  // A peer that ignores our window sends twice what the pool holds, every second segment first.
  for (std::uint32_t at = 1; at < 16'000; at += 1000) {
    t.inject(".  " + notation::format_range(at + 500, 500) + " ack 1");
    t.inject(".  " + notation::format_range(at, 500) + " ack 1");
  }
  t.advance(40ms);
  t.ignore_sent();
  const std::uint32_t acked = t.stream().info().unread;
  CHECK(acked > 0);
  t.read(acked);
  CHECK(t.stack().blocks_in_use() <= 8);
}

}  // namespace
}  // namespace backstop::test
