#include <vector>

#include "tests/support/capture_file.hpp"
#include "tests/support/catch.hpp"
#include "tools/capture/capture_error.hpp"
#include "tools/capture/packet_reader.hpp"

using namespace backstop;
using namespace backstop::capture;
using namespace backstop::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t linktype_ethernet = 1;
constexpr std::uint32_t linktype_raw = 101;

struct Read {
  std::vector<Octets> packets;
  std::vector<Duration> times;
  std::vector<std::uint64_t> numbers;
  std::vector<std::uint32_t> missing;
  CaptureCounts counts;
};

Read read_path(const std::string& path, const std::string& filter = "") {
  PacketReader reader(path, Filter(filter));
  Read read;
  while (const auto packet = reader.next()) {
    read.packets.emplace_back(packet->ip.whole.begin(), packet->ip.whole.end());
    read.times.push_back(packet->time.time_since_epoch());
    read.numbers.push_back(packet->number);
    read.missing.push_back(packet->missing);
  }
  read.counts = reader.counts();
  return read;
}

Read read_all(Bytes file, const std::string& filter = "") { return read_path(TemporaryFile(file).path(), filter); }

std::string error_of(Bytes file) {
  try {
    read_all(file);
  } catch (const UnreadableCapture& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

Octets a_packet(const std::string& text = "hello") {
  PacketFields fields;
  fields.segment.flags = wire::Flag::ack | wire::Flag::psh;
  fields.text = text;
  return make_packet(fields);
}

Octets ethernet(std::string_view type_and_tags, const Octets& packet) {
  return from_hex("020000000002 020000000001") + from_hex(type_and_tags) + packet;
}

}  // namespace

TEST_CASE("pcap is read in both byte orders, in microseconds and nanoseconds") {
  const bool big_endian = GENERATE(false, true);
  const bool nanoseconds = GENERATE(false, true);
  PcapFile file({.big_endian = big_endian, .nanoseconds = nanoseconds});
  file.add(a_packet(), 1'700'000'000s + 123'456'789ns);
  const Read read = read_all(file.octets());
  REQUIRE(read.packets.size() == 1);
  CHECK(read.packets[0] == a_packet());
  CHECK(read.times[0] == 1'700'000'000s + (nanoseconds ? 123'456'789ns : 123'456'000ns));
  CHECK(read.numbers[0] == 1);
}

TEST_CASE("gzipped captures are read as they stream") {
  PcapFile pcap;
  for (int i = 0; i < 1000; ++i) pcap.add(a_packet(std::string(1000, 'x')), std::chrono::seconds(i));
  CHECK(read_all(gzipped(pcap.octets())).packets.size() == 1000);

  PcapngFile pcapng;
  pcapng.interface(linktype_raw, 0).packet(0, 0, a_packet());
  CHECK(read_all(gzipped(pcapng.octets())).packets.size() == 1);
}

TEST_CASE("a gzipped capture that is cut off gives what came before; damage in it is named") {
  PcapFile file;
  for (int i = 0; i < 1000; ++i) file.add(a_packet("text " + std::to_string(i * 7919 % 1000)));
  Octets whole = gzipped(file.octets());
  const Read half = read_all(Bytes(whole).first(whole.size() / 2));
  CHECK(half.packets.size() > 100);
  CHECK(half.packets.size() < 900);
  CHECK(half.counts.cut_short);
  std::ranges::fill(std::span(whole).subspan(whole.size() / 2, 64), std::byte{0x55});
  CHECK(contains(error_of(whole), "damaged"));
}

TEST_CASE("every link type leads to the same packet") {
  struct Case {
    std::uint32_t link_type;
    const char* header;
  };
  const auto& [link_type, header] = GENERATE(values<Case>({
      {1, "020000000002 020000000001 0800"},
      {1, "020000000002 020000000001 8100 0005 0800"},                                // 802.1Q
      {1, "020000000002 020000000001 88a8 0005 8100 0006 0800"},                      // QinQ
      {1, "020000000002 020000000001 8864 1100 0001 0030 0021"},                      // PPPoE
      {1, "020000000002 020000000001 88a8 0005 8100 0006 8864 1100 0001 0030 0021"},  // both
      {1, "020000000002 020000000001 0035 aaaa03 000000 0800"},                       // 802.3, SNAP
      {0, "02000000"},                                                                // BSD loopback, little-endian
      {0, "00000002"},                                                                // and big-endian
      {108, "00000002"},
      {101, ""},
      {12, ""},
      {14, ""},
      {228, ""},
      {113, "0000 0001 0006 020000000001 0000 0800"},            // Linux cooked
      {276, "0800 0000 00000001 0001 00 06 020000000001 0000"},  // Linux cooked v2
      {9, "ff03 0021"},
      {9, "0021"},
      {9, "21"},
      {50, "ff03 0021"},
      {51, "1100 0001 0030 0021"},
  }));
  CAPTURE(link_type, header);
  PcapFile file({.link_type = link_type});
  file.add(from_hex(header) + a_packet());
  const Read read = read_all(file.octets());
  REQUIRE(read.packets.size() == 1);
  CHECK(read.packets[0] == a_packet());
}

TEST_CASE("a frame that ends inside its link-layer header is counted as malformed") {
  const std::uint32_t link_type = GENERATE(0u, 1u, 9u, 51u, 108u, 113u, 276u, 228u);
  PcapFile file({.link_type = link_type});
  file.add(Octets{});
  file.add(from_hex("88"));
  const Read read = read_all(file.octets());
  CHECK(read.packets.empty());
  CHECK(read.counts.malformed == 2);
}

TEST_CASE("padding behind a short Ethernet frame is no text") {
  PcapFile file({.link_type = linktype_ethernet});
  file.add(ethernet("0800", a_packet("")) + Octets(6));
  CHECK(read_all(file.octets()).packets.at(0) == a_packet(""));
}

TEST_CASE("a link type that is not known is named") {
  constexpr std::uint32_t linktype_802_11 = 105;
  constexpr std::uint32_t no_linktype = 60'001;
  CHECK(contains(error_of(PcapFile({.link_type = linktype_802_11}).add(a_packet()).octets()), "IEEE802_11 (802.11)"));
  CHECK(contains(error_of(PcapFile({.link_type = no_linktype}).add(a_packet()).octets()), "60001"));
}

TEST_CASE("what is not IPv4 is counted") {
  PcapFile file({.link_type = linktype_ethernet});
  file.add(ethernet("86dd", from_hex("60000000 0000 3b 40") + Octets(32)));
  file.add(ethernet("0806", Octets(28)));
  file.add(ethernet("0800", from_hex("ff")));
  file.add(ethernet("0800", a_packet()));
  const Read read = read_all(file.octets());
  CHECK(read.counts.frames == 4);
  CHECK(read.counts.ipv6 == 1);
  CHECK(read.counts.not_ip == 1);
  CHECK(read.counts.malformed == 1);
  CHECK(read.numbers == std::vector<std::uint64_t>{4});
}

TEST_CASE("pcapng: interfaces of different link types, snapshot lengths and clocks in one section") {
  const bool big_endian = GENERATE(false, true);
  PcapngFile file(big_endian);
  const Octets nanoseconds = file.writer().number16(9).number16(1).octets(from_hex("09000000")).written();
  const Octets binary_fractions = file.writer().number16(9).number16(1).octets(from_hex("8a000000")).written();
  const Octets an_hour_later = file.writer().number16(14).number16(8).number64(3600).written();
  file.interface(linktype_raw, 1000).interface(linktype_ethernet, 65'535, nanoseconds);
  file.interface(linktype_raw, 0, binary_fractions + an_hour_later);
  file.block(0x0bad, from_hex("01020304"));  // of no type that we know
  file.packet(0, 5'000'001, a_packet("one"));
  file.packet(1, 6'000'000'001, ethernet("0800", a_packet("two")));
  file.packet(2, 512, a_packet("three"));
  const Read read = read_all(file.octets());
  REQUIRE(read.packets.size() == 3);
  CHECK(read.packets == std::vector<Octets>{a_packet("one"), a_packet("two"), a_packet("three")});
  CHECK(read.times == std::vector<Duration>{5'000'001us, 6'000'000'001ns, 3600s + 500ms});
}

TEST_CASE("pcapng: simple and obsolete packet blocks, a second section in the other byte order") {
  PcapngFile first(false);
  Writer old = first.writer();
  old.number16(0).number16(0).number32(0).number32(7).number32(48).number32(48);
  REQUIRE(a_packet("12345678").size() == 48);
  first.interface(linktype_raw, 0).block(2, old.octets(a_packet("12345678")).written()).simple_packet(a_packet("b"));
  PcapngFile second(true);
  second.interface(linktype_ethernet, 0).packet(0, 9, ethernet("0800", a_packet("c")));
  const Read read = read_all(Octets(first.octets()) + second.octets());
  CHECK(read.packets == std::vector<Octets>{a_packet("12345678"), a_packet("b"), a_packet("c")});
  CHECK(read.times == std::vector<Duration>{7us, 7us, 9us});
}

TEST_CASE("pcapng: damage is named, never followed") {
  const auto with_interface = [] { return PcapngFile().interface(linktype_raw, 0); };
  CHECK(contains(error_of(PcapngFile().packet(0, 0, a_packet()).octets()), "interface 0, which is not described"));
  const Writer huge = Writer(false).number32(6).number32(0xffff'fff0).number32(0);
  CHECK(contains(error_of(with_interface().octets() + huge.written()), "a block of 4294967280 octets"));
  const Writer tiny = Writer(false).number32(0x0a0d'0d0a).number32(12).number32(0x1a2b'3c4d);
  CHECK(contains(error_of(tiny.written()), "a block of 12 octets"));
  const Writer no_magic = Writer(false).number32(0x0a0d'0d0a).number32(28).number32(7);
  CHECK(contains(error_of(no_magic.written()), "without its byte-order magic"));
  const Writer too_long = Writer(false).number32(0).number32(0).number32(0).number32(99).number32(99);
  CHECK(contains(error_of(with_interface().block(6, too_long.written()).octets()), "longer than its block"));
  const Octets resolution = Writer(false).number16(9).number16(1).octets(from_hex("7f000000")).written();
  CHECK(contains(error_of(PcapngFile().interface(linktype_raw, 0, resolution).octets()), "resolution"));
}

TEST_CASE("a capture that ends inside a packet gives what came before and says so") {
  PcapFile pcap;
  pcap.add(a_packet()).add(a_packet());
  PcapngFile pcapng;
  pcapng.interface(linktype_raw, 0).packet(0, 0, a_packet()).packet(0, 0, a_packet());
  for (const Octets& file : {pcap.octets(), pcapng.octets()}) {
    CHECK_FALSE(read_all(file).counts.cut_short);
    for (const std::size_t cut : {1u, 30u, 50u}) {
      const Read read = read_all(Bytes(file).first(file.size() - cut));
      CHECK(read.packets.size() == 1);
      CHECK(read.counts.cut_short);
    }
  }
}

TEST_CASE("what is no capture is refused with the name of the file") {
  CHECK(contains(error_of(Octets{}), "empty"));
  CHECK(contains(error_of(from_hex("0a")), "not a capture"));
  CHECK(contains(error_of(from_hex("23212f62696e2f7368 0a 0a 0a 0a 0a 0a 0a 0a 0a 0a 0a 0a 0a 0a 0a 0a")),
                 "not a capture"));
  CHECK_THROWS_AS(read_path("/nonexistent/x.pcap"), UnreadableCapture);
  CHECK_THROWS_AS(read_path("/"), UnreadableCapture);
}

TEST_CASE("packets cut by the snapshot length are filled with zeros and counted") {
  PcapFile file({.link_type = linktype_raw, .snapshot_length = 60});
  file.add(a_packet(std::string(100, 'x')));
  const Read read = read_all(file.octets());
  REQUIRE(read.packets.size() == 1);
  CHECK(read.missing[0] == 80);
  CHECK(read.packets[0].size() == 140);
  CHECK(read.packets[0].back() == std::byte{0});
  CHECK(read.counts.truncated == 1);
}

TEST_CASE("a packet whose length was left to the network card gets the length that was captured") {
  Octets packet = a_packet();
  wire::store16(packet, 2, 0);
  const Read read = read_all(PcapFile().add(packet).octets());
  REQUIRE(read.packets.size() == 1);
  CHECK(read.packets[0] == a_packet());
}

TEST_CASE("a wrong IPv4 header checksum is noted and put right") {
  Octets packet = a_packet();
  wire::store16(packet, 10, 0);
  const TemporaryFile file(PcapFile().add(packet).octets());
  PacketReader reader(file.path(), Filter(""));
  const auto read = reader.next();
  REQUIRE(read);
  CHECK(read->header_checksum_wrong);
  CHECK(Octets(read->ip.whole.begin(), read->ip.whole.end()) == a_packet());
}

TEST_CASE("time that runs backwards stands still, and is counted") {
  PcapFile file;
  file.add(a_packet(), 10s).add(a_packet(), 9s).add(a_packet(), 11s);
  const Read read = read_all(file.octets());
  CHECK(read.times == std::vector<Duration>{10s, 10s, 11s});
  CHECK(read.counts.backwards == 1);
}

TEST_CASE("a filter lets through what tcpdump's would") {
  PcapFile file({.link_type = linktype_ethernet});
  file.add(ethernet("0800", a_packet("a"))).add(ethernet("8100 0005 0800", a_packet("b")));
  CHECK(read_all(file.octets(), "tcp port 80").packets == std::vector<Octets>{a_packet("a")});
  CHECK(read_all(file.octets(), "vlan 5 and tcp").packets == std::vector<Octets>{a_packet("b")});
  CHECK(read_all(file.octets(), "udp").counts.filtered_out == 2);
}

TEST_CASE("a filter that is wrong, or means nothing on this link, is a usage error") {
  const TemporaryFile raw(PcapFile().add(a_packet()).octets());
  CHECK_THROWS_AS(read_path(raw.path(), "tcp prot 80"), std::invalid_argument);
  CHECK_THROWS_AS(read_path(raw.path(), "ether host 02:00:00:00:00:01"), std::invalid_argument);
}

TEST_CASE("a filter is compiled for each link type of a capture") {
  PcapngFile file;
  file.interface(linktype_raw, 0).interface(linktype_ethernet, 0);
  file.packet(0, 0, a_packet()).packet(1, 0, ethernet("0800", a_packet())).packet(0, 0, a_packet());
  CHECK(read_all(file.octets(), "dst port 80").packets.size() == 3);
  CHECK(read_all(file.octets(), "dst port 81").packets.empty());
}
