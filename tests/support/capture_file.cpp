#include "tests/support/capture_file.hpp"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace backstop::test {
namespace {

Octets padded(Octets octets) {
  octets.resize((octets.size() + 3) / 4 * 4);
  return octets;
}

}  // namespace

Octets from_hex(std::string_view digits) {
  Octets octets;
  std::string pair;
  for (const char digit : digits) {
    if (digit == ' ') continue;
    pair += digit;
    if (pair.size() < 2) continue;
    octets.push_back(static_cast<std::byte>(std::stoul(pair, nullptr, 16)));
    pair.clear();
  }
  return octets;
}

Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Writer& Writer::octets(Bytes bytes) {
  written_.insert(written_.end(), bytes.begin(), bytes.end());
  return *this;
}

Writer& Writer::number(std::uint64_t value, unsigned size) {
  for (unsigned i = 0; i < size; ++i) {
    const unsigned shift = 8 * (big_endian_ ? size - 1 - i : i);
    written_.push_back(static_cast<std::byte>((value >> shift) & 0xff));
  }
  return *this;
}

PcapFile::PcapFile(Options options) : options_(options), writer_(options.big_endian) {
  writer_.number32(options.nanoseconds ? 0xa1b2'3c4d : 0xa1b2'c3d4).number16(2).number16(4);
  writer_.number32(0).number32(0).number32(options.snapshot_length).number32(options.link_type);
}

PcapFile& PcapFile::add(Bytes frame, Duration time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = (time - whole).count() / (options_.nanoseconds ? 1 : 1000);
  const auto captured = std::min<std::size_t>(frame.size(), options_.snapshot_length);
  writer_.number32(static_cast<std::uint32_t>(whole.count())).number32(static_cast<std::uint32_t>(rest));
  writer_.number32(static_cast<std::uint32_t>(captured)).number32(static_cast<std::uint32_t>(frame.size()));
  writer_.octets(frame.first(captured));
  return *this;
}

PcapngFile& PcapngFile::section() {
  constexpr std::uint64_t unknown_length = ~std::uint64_t{0};
  Writer body = writer();
  body.number32(0x1a2b'3c4d).number16(1).number16(0).number64(unknown_length);
  return block(0x0a0d'0d0a, body.written());
}

PcapngFile& PcapngFile::interface(std::uint16_t link_type, std::uint32_t snapshot_length, const Octets& options) {
  return block(1, writer().number16(link_type).number16(0).number32(snapshot_length).octets(options).written());
}

PcapngFile& PcapngFile::packet(std::uint32_t interface, std::uint64_t units, Bytes frame) {
  const auto size = static_cast<std::uint32_t>(frame.size());
  Writer body = writer();
  body.number32(interface)
      .number32(static_cast<std::uint32_t>(units >> 32))
      .number32(static_cast<std::uint32_t>(units));
  return block(6, body.number32(size).number32(size).octets(frame).written());
}

PcapngFile& PcapngFile::simple_packet(Bytes frame) {
  return block(3, writer().number32(static_cast<std::uint32_t>(frame.size())).octets(frame).written());
}

PcapngFile& PcapngFile::block(std::uint32_t type, const Octets& body) {
  const Octets content = padded(body);
  const auto length = static_cast<std::uint32_t>(content.size() + 12);
  octets_ = octets_ + writer().number32(type).number32(length).octets(content).number32(length).written();
  return *this;
}

Octets make_packet(const PacketFields& fields) {
  wire::Segment segment = fields.segment;
  segment.source_port = fields.tuple.local.port;
  segment.destination_port = fields.tuple.remote.port;
  const wire::Ipv4Header ip{.source = fields.tuple.local.address,
                            .destination = fields.tuple.remote.address,
                            .id = fields.id,
                            .dont_fragment = true};
  const Bytes text = std::as_bytes(std::span(fields.text));
  Octets packet(wire::max_headers_size);
  packet.resize(emit_segment(ip, segment, {&text, 1}, wire::ChecksumKind::full, packet));
  packet.insert(packet.end(), text.begin(), text.end());
  return packet;
}

TemporaryFolder::TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "backstop-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp " + path_ + " failed");
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::add(const std::string& name, Bytes content) const {
  const std::filesystem::path path = std::filesystem::path(path_) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  // NOLINTNEXTLINE: streams write char
  file.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  return path;
}

std::string TemporaryFolder::read(const std::string& name) const {
  std::ifstream file(std::filesystem::path(path_) / name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Octets gzipped(Bytes content) {
  z_stream stream{};
  constexpr int gzip_window_bits = 15 + 16;
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window_bits, 8, Z_DEFAULT_STRATEGY);
  Octets compressed(deflateBound(&stream, content.size()) + 32);
  // NOLINTBEGIN: zlib's bytes are unsigned char
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(content.data()));
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  // NOLINTEND
  stream.avail_in = static_cast<uInt>(content.size());
  stream.avail_out = static_cast<uInt>(compressed.size());
  deflate(&stream, Z_FINISH);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  return compressed;
}

}  // namespace backstop::test
