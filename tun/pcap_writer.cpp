#include "tun/pcap_writer.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <vector>

#include "stack/wire/ipv4.hpp"
#include "stack/wire/segment.hpp"
#include "tun/packet_copy.hpp"

namespace backstop::tun {
namespace {

// Numbers are in the host's byte order; readers tell it from the magic number.
struct FileHeader {
  std::uint32_t magic = 0xa1b23c4d;  // nanosecond times
  std::uint16_t version_major = 2;
  std::uint16_t version_minor = 4;
  std::uint32_t reserved[2] = {0, 0};
  std::uint32_t snapshot_length = wire::max_datagram_size;
  std::uint32_t link_type = 101;  // LINKTYPE_RAW: begins with the IP header
};
static_assert(sizeof(FileHeader) == 24);

struct RecordHeader {
  std::uint32_t seconds;
  std::uint32_t nanoseconds;
  std::uint32_t captured_size;
  std::uint32_t original_size;
};
static_assert(sizeof(RecordHeader) == 16);

template <class T>
Bytes bytes_of(const T& value) {
  return std::as_bytes(std::span{&value, 1});
}

RecordHeader record_header(std::int64_t now, std::size_t size) {
  constexpr std::int64_t second = 1'000'000'000;
  return {.seconds = static_cast<std::uint32_t>(now / second),
          .nanoseconds = static_cast<std::uint32_t>(now % second),
          .captured_size = static_cast<std::uint32_t>(size),
          .original_size = static_cast<std::uint32_t>(size)};
}

// Enough for the longest IPv4 and TCP headers; more may come in, and stays where it is.
constexpr std::size_t headers_room = 60 + 60;

}  // namespace

PcapWriter::PcapWriter(const std::string& path, WallClock clock) : path_(path), clock_(std::move(clock)) {
  if (path != "-") {
    file_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!file_) throw_errno("open " + path);
  }
  const FileHeader header;
  const Bytes piece = bytes_of(header);
  write_all({&piece, 1});
}

std::int64_t PcapWriter::wall_clock() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void PcapWriter::write(const OutboundPacket& packet) {
  write_record(packet.headers, packet.text, packet.offload.checksum_partial);
}

void PcapWriter::write(const InboundPacket& packet) { write_record(packet.bytes, {}, packet.offload.checksum_partial); }

void PcapWriter::write_record(Bytes front, std::span<const Bytes> text, bool checksum_partial) {
  std::array<std::byte, headers_room> room;
  const MutableBytes headers = MutableBytes{room}.first(std::min(front.size(), room.size()));
  std::ranges::copy(front.first(headers.size()), headers.begin());

  RecordHeader record;
  std::vector<Bytes> pieces{bytes_of(record), headers, front.subspan(headers.size())};
  pieces.insert(pieces.end(), text.begin(), text.end());
  const auto packet = std::span{pieces}.subspan(1);
  if (checksum_partial) finish_checksum(headers, packet.subspan(1));
  std::size_t size = 0;
  for (Bytes piece : packet) size += piece.size();
  const std::lock_guard lock(mutex_);
  record = record_header(clock_(), size);
  write_all(pieces);
}

void PcapWriter::write_all(std::span<const Bytes> pieces) {
  std::vector<iovec> left;
  for (Bytes piece : pieces) left.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
  const int fd = file_ ? file_.get() : STDOUT_FILENO;
  for (std::size_t at = 0; at < left.size();) {
    const ssize_t written = ::writev(fd, &left[at], static_cast<int>(std::min<std::size_t>(left.size() - at, IOV_MAX)));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_errno("write " + (path_ == "-" ? std::string("standard output") : path_));
    auto taken = static_cast<std::size_t>(written);
    while (at < left.size() && taken >= left[at].iov_len) taken -= left[at++].iov_len;
    if (taken > 0) left[at] = {static_cast<std::byte*>(left[at].iov_base) + taken, left[at].iov_len - taken};
  }
}

std::optional<InboundPacket> PcapDevice::receive() {
  const auto packet = inner_.receive();
  if (packet) writer_.write(*packet);
  return packet;
}

void PcapDevice::send(const OutboundPacket& packet) {
  writer_.write(packet);
  inner_.send(packet);
}

}  // namespace backstop::tun
