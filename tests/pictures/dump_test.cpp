// `backstop dump`: lines as people read them, and what is said about packets that are not as they should be.
#include <sstream>

#include "tests/pictures/golden.hpp"
#include "tests/support/capture_file.hpp"
#include "tests/support/catch.hpp"
#include "tools/dump/dump.hpp"

using namespace backstop;
using namespace backstop::dump;
using backstop::test::check_golden;
using namespace std::chrono_literals;

namespace {

std::string dumped(const std::string& path, const DumpOptions& options = {}) {
  std::ostringstream out;
  dump_capture(path, options, out);
  return out.str();
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::string dumped(const test::PcapFile& file, const DumpOptions& options = {}) {
  return dumped(test::TemporaryFile(file.octets()).path(), options);
}

test::Octets a_packet() {
  test::PacketFields fields;
  fields.segment.flags = wire::Flag::ack;
  fields.segment.seq = SeqNum{1000};
  fields.segment.ack = SeqNum{2000};
  fields.text = "hello";
  return test::make_packet(fields);
}

}  // namespace

TEST_CASE("dump writes captures in the notation") {
  check_golden("dump-tail-loss.txt", dumped(test::fixture("tail-loss.client"), {.marks = true}));
  check_golden("dump-pmtu-600.txt", dumped(test::fixture("pmtu-600.client")).substr(0, 5000));
}

TEST_CASE("dump shows fragments, and the datagram behind the last of them") {
  const std::string lines = dumped(test::fixture("ip-fragments.server"));
  CHECK(contains(lines, "    4 0.015616 10.77.0.1 > 10.77.0.2: ip: frag 8759:280@0+\n"));
  CHECK(contains(lines,
                 ": .  1:1449(1448) ack 1 win 63 <nop,nop,TS val 1479818137 ecr 3291230465> "
                 "(put together from fragments)\n"));
}

TEST_CASE("dump numbers as on the wire, with --absolute") {
  const std::string lines = dumped(test::fixture("refused.client"), {.absolute_numbers = true});
  CHECK_FALSE(contains(lines, " 0:0(0)  win"));
  CHECK(contains(dumped(test::fixture("refused.client")), "S  0:0(0) win"));
  CHECK_FALSE(contains(lines, "S  0:0(0) win"));
}

TEST_CASE("dump tells the time in three ways") {
  test::PcapFile file;
  file.add(a_packet(), 1'700'000'000s + 5us).add(a_packet(), 1'700'000'001s).add(a_packet(), 1'700'000'003s);
  CHECK(contains(dumped(file), "    3 2.999995 "));
  CHECK(contains(dumped(file, {.time = TimeFormat::delta}), "    3 2.000000 "));
  CHECK(contains(dumped(file, {.time = TimeFormat::absolute}), "    1 2023-11-14 22:13:20.000005 "));
}

TEST_CASE("dump shows only what was asked for") {
  const std::string one = dumped(test::fixture("parallel-8.client"), {.only = {2}});
  const std::string all = dumped(test::fixture("parallel-8.client"));
  CHECK(one.size() * 4 < all.size());
  CHECK(contains(one, ": S  0:0(0)"));
  CHECK(dumped(test::fixture("parallel-8.client"), {.filter = "tcp port 1"}).empty());
  CHECK_THROWS_AS(dumped(test::fixture("tail-loss.client"), {.filter = "nonsense"}), std::invalid_argument);
}

TEST_CASE("dump says what is wrong with a packet") {
  test::Octets wrong = a_packet();
  wrong.back() ^= std::byte{1};
  test::Octets uncomputed = a_packet();
  uncomputed[36] = uncomputed[37] = std::byte{0};
  test::PcapFile file({.snapshot_length = 45});
  file.add(wrong).add(uncomputed);
  CHECK(contains(dumped(file), "(tcp checksum wrong)\n"));
  CHECK(contains(dumped(file), "(tcp checksum not computed)\n"));
  test::PcapFile cut({.snapshot_length = 42});
  CHECK(contains(dumped(cut.add(a_packet())), ": .  1:6(5) ack 1 win 0 (3 octets not captured)\n"));
  test::Octets header = a_packet();
  header[10] ^= std::byte{1};
  CHECK(contains(dumped(test::PcapFile().add(header)), "(ip checksum wrong)"));
}

TEST_CASE("dump counts what is no IPv4 packet") {
  test::PcapFile file({.link_type = 1});
  file.add(test::from_hex("020000000002 020000000001 0806 00")).add(test::from_hex("0200"));
  std::ostringstream out;
  CHECK(left_out(dump_capture(test::TemporaryFile(file.octets()).path(), {}, out)) == "1 not IP, 1 malformed");
  CHECK(out.str().empty());
}

TEST_CASE("dump as JSON has a line a packet") {
  const std::string lines = dumped(test::fixture("tail-loss.client"), {.marks = true, .json = true});
  check_golden("dump-tail-loss.json", lines);
  CHECK(std::ranges::count(lines, '\n') == 21);
}
