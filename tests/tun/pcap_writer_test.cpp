#include "tun/pcap_writer.hpp"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include "tests/tun/packets.hpp"
#include "tun/memory_wire.hpp"

namespace backstop::tun {
namespace {

/// A file name of this test's own, removed at the end.
class TemporaryFile {
 public:
  TemporaryFile() { ::close(checked(::mkstemp(path_.data()), "mkstemp")); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::vector<char> bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_ = "/tmp/backstop-pcap-XXXXXX";
};

struct Record {
  std::int64_t time;  ///< nanoseconds since 1970
  std::vector<std::byte> bytes;
};

/// The capture as libpcap reads it.
std::vector<Record> read_capture(const std::string& path) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> file(
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error.data()), pcap_close);
  INFO(error.data());
  REQUIRE(file);
  CHECK(pcap_datalink(file.get()) == DLT_RAW);
  CHECK(pcap_snapshot(file.get()) == 65'535);
  std::vector<Record> records;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  while (pcap_next_ex(file.get(), &header, &data) == 1) {
    CHECK(header->caplen == header->len);
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    records.push_back(
        {header->ts.tv_sec * std::int64_t{1'000'000'000} + header->ts.tv_usec, {bytes, bytes + header->caplen}});
  }
  return records;
}

template <class T>
T number_at(const std::vector<char>& bytes, std::size_t offset) {
  T value;
  REQUIRE(bytes.size() >= offset + sizeof(value));
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

TEST_CASE("Pcap writer: the octets of a file, one by one") {
  const TemporaryFile file;
  const TestPacket packet(3);
  PcapWriter writer(file.path(), [] { return std::int64_t{1'700'000'001'234'567'890}; });
  CHECK(file.bytes().size() == 24);
  writer.write(packet.view());

  const auto bytes = file.bytes();
  REQUIRE(bytes.size() == 24 + 16 + 43);
  CHECK(number_at<std::uint32_t>(bytes, 0) == 0xa1b23c4d);
  CHECK(number_at<std::uint16_t>(bytes, 4) == 2);
  CHECK(number_at<std::uint16_t>(bytes, 6) == 4);
  CHECK(number_at<std::uint64_t>(bytes, 8) == 0);
  CHECK(number_at<std::uint32_t>(bytes, 16) == 65'535);
  CHECK(number_at<std::uint32_t>(bytes, 20) == 101);
  CHECK(number_at<std::uint32_t>(bytes, 24) == 1'700'000'001);
  CHECK(number_at<std::uint32_t>(bytes, 28) == 234'567'890);
  CHECK(number_at<std::uint32_t>(bytes, 32) == 43);
  CHECK(number_at<std::uint32_t>(bytes, 36) == 43);
  CHECK(same_bytes(std::as_bytes(std::span{bytes}).subspan(40), packet.flat()));
}

TEST_CASE("Pcap device: both ways, in the order of passing, as libpcap reads it") {
  const TemporaryFile file;
  std::int64_t time = 5'000'000'007;
  PcapWriter writer(file.path(), [&time] { return time += 1'000'000'001; });
  MemoryWire wire;
  PcapDevice device(wire.left(), writer);
  const TestPacket out(1000);
  const TestPacket in(333);

  device.send(out.view());
  wire.right().send(in.view());
  const auto received = device.receive();
  REQUIRE(received);
  CHECK(same_bytes(received->bytes, in.flat()));
  CHECK_FALSE(device.receive());
  const auto passed = wire.right().receive();
  REQUIRE(passed);
  CHECK(same_bytes(passed->bytes, out.flat()));

  const auto records = read_capture(file.path());
  REQUIRE(records.size() == 2);
  CHECK(records[0].bytes == out.flat());
  CHECK(records[0].time == 6'000'000'008);
  CHECK(records[1].bytes == in.flat());
  CHECK(records[1].time == 7'000'000'009);
}

TEST_CASE("Pcap writer: offloaded packets are written whole, with the checksum that the device will give them") {
  const TemporaryFile file;
  PcapWriter writer(file.path());
  const TestPacket out(60'000, {.checksum_partial = true, .gso_size = 1448}, {}, 4096);
  writer.write(out.view());
  const TestPacket in(60'000, {.checksum_partial = true, .gso_size = 1448});
  const auto in_bytes = in.flat();
  writer.write(InboundPacket{in_bytes, in.view().offload});

  const auto whole = TestPacket(60'000).flat();
  CHECK(in_bytes != whole);
  CHECK(in_bytes == in.flat());  // the packet itself keeps its partial sum
  const auto records = read_capture(file.path());
  REQUIRE(records.size() == 2);
  CHECK(records[0].bytes == whole);
  CHECK(records[1].bytes == whole);
}

TEST_CASE("Pcap writer: packets of any size and make-up are written octet for octet") {
  const TemporaryFile file;
  PcapWriter writer(file.path());
  const auto bytes = text_of(3000);
  const std::array<Bytes, 2> text{Bytes{bytes}.first(1), Bytes{bytes}.subspan(1, 500)};
  writer.write(OutboundPacket{.headers = bytes, .text = {}, .offload = {}});  // all of it in the headers
  writer.write(OutboundPacket{.headers = Bytes{bytes}.first(28), .text = text, .offload = {}});
  writer.write(InboundPacket{Bytes{bytes}.first(1), {.checksum_partial = true, .gso_size = 0}});

  const auto records = read_capture(file.path());
  REQUIRE(records.size() == 3);
  CHECK(records[0].bytes == bytes);
  CHECK(records[1].bytes.size() == 529);
  CHECK(same_bytes(Bytes{records[1].bytes}.first(28), Bytes{bytes}.first(28)));
  CHECK(same_bytes(Bytes{records[1].bytes}.subspan(28), Bytes{bytes}.first(501)));
  CHECK(records[2].bytes == std::vector{bytes[0]});
}

TEST_CASE("Pcap writer: a file that cannot be made, and a full disk, are named") {
  CHECK_THROWS_WITH(PcapWriter("/nowhere/x.pcap"), "open /nowhere/x.pcap: No such file or directory");
  if (::access("/dev/full", W_OK) != 0) BACKSTOP_SKIP("there is no /dev/full");
  CHECK_THROWS_WITH(PcapWriter("/dev/full"), "write /dev/full: No space left on device");
}

}  // namespace
}  // namespace backstop::tun
