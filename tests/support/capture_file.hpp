// Builds captures of any kind in memory and on disk: byte orders, time resolutions, link types, pcapng, gzip. Odd ones
// are hard to come by, so the tests make their own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stack/tcp/time.hpp"
#include "stack/wire/segment.hpp"

namespace backstop::test {

using Octets = std::vector<std::byte>;

/// Octets from hexadecimal digits; spaces between them are for the reader.
Octets from_hex(std::string_view digits);
Octets operator+(Octets a, const Octets& b);

/// Writes numbers in one byte order.
class Writer {
 public:
  explicit Writer(bool big_endian) : big_endian_(big_endian) {}
  Writer& number16(std::uint16_t value) { return number(value, 2); }
  Writer& number32(std::uint32_t value) { return number(value, 4); }
  Writer& number64(std::uint64_t value) { return number(value, 8); }
  Writer& octets(Bytes bytes);
  [[nodiscard]] const Octets& written() const { return written_; }

 private:
  Writer& number(std::uint64_t value, unsigned size);
  bool big_endian_;
  Octets written_;
};

/// A classic pcap file.
class PcapFile {
 public:
  struct Options {
    bool big_endian = false;
    bool nanoseconds = false;
    std::uint32_t link_type = 101;
    std::uint32_t snapshot_length = 65'535;
  };
  PcapFile() : PcapFile(Options{}) {}
  explicit PcapFile(Options options);

  /// A frame, cut to the snapshot length.
  PcapFile& add(Bytes frame, Duration time = {});
  [[nodiscard]] const Octets& octets() const { return writer_.written(); }

 private:
  Options options_;
  Writer writer_;
};

/// A pcapng file, block by block.
class PcapngFile {
 public:
  explicit PcapngFile(bool big_endian = false) : big_endian_(big_endian) { section(); }

  PcapngFile& section();
  /// `options`: as octets in the file's byte order.
  PcapngFile& interface(std::uint16_t link_type, std::uint32_t snapshot_length, const Octets& options = {});
  /// An enhanced packet; `units` in the interface's resolution.
  PcapngFile& packet(std::uint32_t interface, std::uint64_t units, Bytes frame);
  PcapngFile& simple_packet(Bytes frame);
  PcapngFile& block(std::uint32_t type, const Octets& body);
  [[nodiscard]] Writer writer() const { return Writer(big_endian_); }
  [[nodiscard]] const Octets& octets() const { return octets_; }

 private:
  bool big_endian_;
  Octets octets_;
};

/// A TCP packet with its headers and checksums. Addresses and ports come from `tuple`, seen from the sender.
struct PacketFields {
  FourTuple tuple{{Ipv4Address::of(10, 0, 0, 1), 40'000}, {Ipv4Address::of(10, 0, 0, 2), 80}};
  wire::Segment segment;
  std::string text;
  std::uint16_t id = 0;
};
Octets make_packet(const PacketFields& fields);

/// A folder that is gone when this is.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Makes the file `name`, and the folders it needs; returns its path.
  std::string add(const std::string& name, Bytes content) const;
  [[nodiscard]] std::string read(const std::string& name) const;

 private:
  std::string path_;
};

/// A file in a folder of its own, gone when this is.
class TemporaryFile {
 public:
  explicit TemporaryFile(Bytes content, const std::string& suffix = ".pcap")
      : path_(folder_.add("capture" + suffix, content)) {}
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  TemporaryFolder folder_;
  std::string path_;
};

Octets gzipped(Bytes content);

}  // namespace backstop::test
