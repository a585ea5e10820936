// The helpers' own tests: a Scenario that does not get what it expects must say so, and well.
#include "tests/support/scenario.hpp"

#include "tests/support/catch.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

// What the failure says.
template <class Script>
std::string failure(Script script) {
  try {
    script();
  } catch (const StoryMismatch& mismatch) {
    return mismatch.what();
  }
  return "no failure";
}

bool contains(const std::string& text, std::string_view part) {
  UNSCOPED_INFO(text);
  return text.find(part) != text.npos;
}

TEST_CASE("scenario: a difference names the field, shows both lines, the place and the story") {
  Scenario t{{.ours = 5, .peers = 9}};
  t.inject("S  0:0(0) win 65535 <mss 1460>");
  const std::string said = failure([&] { t.expect("S. 0:0(0) ack 2"); });
  CHECK(contains(said, "scenario_test.cpp:"));
  CHECK(contains(said, "expected > S. 0:0(0) ack 2\n"));
  CHECK(contains(said, "     got > S. 0:0(0) ack 1 win 65535 <mss 1460>\n"));
  CHECK(contains(said, "\n  ack: expected 2, got 1\n"));
  CHECK(contains(said,
                 "The story so far (ISN: ours 5, the peer's 9):\n"
                 "0.000000 < S  0:0(0) win 65535 <mss 1460>\n"
                 "0.000000 > S. 0:0(0) ack 1 win 65535 <mss 1460>\n"));
}

TEST_CASE("scenario: silence where a segment was expected, and the other way round") {
  Scenario t{{.ours = 5, .peers = 9}};
  CHECK(contains(failure([&] { t.expect("S. 0:0(0)"); }), "expected > S. 0:0(0)\nbut the stack sent nothing"));
  t.inject("S  0:0(0) win 65535");
  CHECK(contains(failure([&] { t.silence(); }), "expected silence, and the stack sent\n  > S. 0:0(0) ack 1"));
}

TEST_CASE("scenario: a line that cannot be read names its column") {
  Scenario t{{.ours = 5, .peers = 9}};
  CHECK(contains(failure([&] { t.inject("S  0:0(0) win many"); }),
                 "the line \"S  0:0(0) win many\": column 15: expected"));
  CHECK(contains(failure([&] { t.expect("X"); }), "column 1: expected control bits"));
  CHECK(contains(failure([&] { t.inject("S"); }), "needs its sequence numbers"));
  CHECK(contains(failure([&] { t.inject(". 1:1(0)"); }), "needs its ack number"));
}

TEST_CASE("scenario: the time of a segment is compared to the nanosecond") {
  Scenario t{{.ours = 5, .peers = 9}};
  t.connect();
  t.expect("S  0:0(0)");
  CHECK(
      contains(failure([&] { t.expect_after(999ms, "S  0:0(0)"); }), "after 0.999000 s, and it came after 1.000000 s"));
  t.expect_after(2s, "S  0:0(0)");
}

TEST_CASE("scenario: the user's part: states, texts, errors") {
  Scenario t{{.ours = 5, .peers = 9}};
  t.establish();
  CHECK(contains(failure([&] { t.state(State::time_wait); }), "expected the state TIME-WAIT, got ESTABLISHED"));
  CHECK(contains(failure([&] { t.read(1); }), "read after 0 octets: "));
  CHECK(contains(failure([&] { t.read_error(Error::connection_reset); }), "read: expected "));
  t.inject("P. 1:11(10) ack 1");
  CHECK(contains(failure([&] { t.read_end(); }), "text where its end should be"));
  CHECK(contains(failure([&] { t.accept(); }), "accept: "));
}

TEST_CASE("scenario: text that is not what the user wrote is found") {
  Scenario t{{.ours = 5, .peers = 9}};
  t.establish("<mss 50>");
  const auto wrong = text(7, 10);
  REQUIRE(t.stream().write(wrong).has_value());
  t.write(100);  // takes itself for the first to write
  CHECK(contains(failure([&] { t.expect(".  1:51(50) ack 1"); }), "text: not what the user wrote there"));
}

TEST_CASE("scenario: a segment of another connection is not taken for the one expected") {
  Scenario t{{.ours = 5, .peers = 9}};
  t.inject("S  0:0(0) win 65535");
  t.between(80, 40'001);
  CHECK(contains(failure([&] { t.expect("S."); }),
                 "connection: expected 10.0.0.2:80 > 10.0.0.1:40001, got 10.0.0.2:80 > 10.0.0.1:40000"));
}

TEST_CASE("scenario: our ISN is the one asked for, to the number, whoever opens") {
  const std::uint32_t isn = GENERATE(0u, 1u, 12'345u, 0x7fff'ffffu, 0xffff'fff0u, 0xffff'ffffu);
  SECTION("passive") {
    Scenario t{{.ours = isn, .peers = 77}};
    t.inject("S  0:0(0) win 65535");
    const wire::Segment& syn_ack = t.expect("S. 0:0(0) ack 1");
    CHECK(syn_ack.seq.value() == isn);
    CHECK(syn_ack.ack.value() == 78);
  }
  SECTION("active") {
    Scenario t{{.ours = isn, .peers = 77}};
    t.connect();
    CHECK(t.expect("S  0:0(0)").seq.value() == isn);
  }
}

TEST_CASE("scenario: a test case runs once per pair of ISNs, however many scenarios it makes") {
  static int runs = 0;
  ++runs;
  Scenario first;
  Scenario second;
  first.inject("S  0:0(0) win 65535");
  second.inject("S  0:0(0) win 65535");
  CHECK(first.expect("S. 0:0(0) ack 1").seq == second.expect("S. 0:0(0) ack 1").seq);
  CHECK(runs <= 5);
}

TEST_CASE("scenario: timestamps that a line leaves out are filled in") {
  Scenario t{{.ours = 5, .peers = 9}};
  t.inject("S  0:0(0) win 65535 <mss 1460,sackOK,TS val 100>");
  const std::uint32_t ours = t.expect("S. 0:0(0) ack 1").options.timestamps->value;
  t.advance(30ms);
  const Packet packet = t.build(".  1:1(0) ack 1");
  const auto segment = wire::parse_segment(*wire::parse_ipv4(packet));
  REQUIRE(segment->options.timestamps.has_value());
  CHECK(segment->options.timestamps->value == 130);
  CHECK(segment->options.timestamps->echo == ours);
  const Packet bare = t.build(".  1:1(0) ack 1 <>");
  CHECK_FALSE(wire::parse_segment(*wire::parse_ipv4(bare))->options.timestamps.has_value());
}

}  // namespace
}  // namespace backstop::test
