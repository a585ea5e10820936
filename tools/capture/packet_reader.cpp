#include "tools/capture/packet_reader.hpp"

#include <algorithm>
#include <utility>

#include "stack/wire/checksum.hpp"
#include "tools/capture/capture_error.hpp"
#include "tools/capture/link_layer.hpp"

namespace backstop::capture {
namespace {

constexpr std::size_t total_length_offset = 2;
constexpr std::size_t checksum_offset = 10;

std::size_t header_size(Bytes packet) { return std::size_t{wire::load8(packet, 0) & 0xfu} * 4; }

bool has_whole_header(Bytes packet) {
  return packet.size() >= wire::ipv4_header_size && header_size(packet) >= wire::ipv4_header_size &&
         packet.size() >= header_size(packet);
}

bool header_checksum_is_right(Bytes packet) {
  wire::Checksum checksum;
  checksum.add(packet.first(header_size(packet)));
  return checksum.finish() == 0;
}

void write_header_checksum(MutableBytes packet) {
  wire::store16(packet, checksum_offset, 0);
  wire::Checksum checksum;
  checksum.add(packet.first(header_size(packet)));
  wire::store16(packet, checksum_offset, checksum.finish());
}

}  // namespace

// Why: several times what a capture of ordinary traffic has under way at once.
constexpr std::uint32_t most_reassemblies = 64;

CaptureCounts& CaptureCounts::operator+=(const CaptureCounts& other) {
  frames += other.frames;
  filtered_out += other.filtered_out;
  ipv6 += other.ipv6;
  not_ip += other.not_ip;
  malformed += other.malformed;
  truncated += other.truncated;
  fragments += other.fragments;
  lost_fragments += other.lost_fragments;
  backwards += other.backwards;
  cut_short |= other.cut_short;
  return *this;
}

PacketReader::PacketReader(const std::string& path, Filter filter, Fragments fragments)
    : name_(path),
      frames_(open_capture(path)),
      filter_(std::move(filter)),
      fragments_(fragments),
      reassembler_(most_reassemblies, std::pmr::get_default_resource()) {}

std::optional<Packet> PacketReader::next() {
  if (whole_) return std::exchange(whole_, std::nullopt);
  while (const auto frame = frames_->next()) {
    ++counts_.frames;
    if (!is_known_link_type(frame->link_type)) {
      throw UnreadableCapture(name_ + ": cannot read " + link_type_name(frame->link_type) +
                              " frames; known are Ethernet, Linux cooked, BSD loopback, raw IP and PPP");
    }
    if (!filter_.passes(*frame)) {
      ++counts_.filtered_out;
      continue;
    }
    const Bytes bytes = find_ipv4(*frame);
    if (bytes.empty()) continue;
    auto packet = read_ipv4(*frame, bytes);
    if (!packet) continue;
    if (!packet->ip.header.is_fragment()) return packet;
    whole_ = reassemble(*packet);
    if (fragments_ == Fragments::shown_as_well) return packet;
    if (whole_) return std::exchange(whole_, std::nullopt);
  }
  counts_.cut_short = frames_->cut_short();
  return std::nullopt;
}

Bytes PacketReader::find_ipv4(const Frame& frame) {
  const LinkPayload payload = find_ip(frame.link_type, frame.bytes);
  switch (payload.kind) {
    case Payload::ipv4:
      if (payload.bytes.empty()) ++counts_.malformed;
      return payload.bytes;
    case Payload::ipv6:
      ++counts_.ipv6;
      return {};
    case Payload::malformed:
      ++counts_.malformed;
      return {};
    case Payload::other:
      break;
  }
  ++counts_.not_ip;
  return {};
}

std::optional<Packet> PacketReader::read_ipv4(const Frame& frame, Bytes bytes) {
  Packet packet;
  packet.number = frame.number;
  packet.time = forward(frame.time);
  auto datagram = wire::parse_ipv4(bytes);
  if (!datagram) datagram = parse_mended(frame, bytes, packet);
  if (!datagram) {
    ++counts_.malformed;
    return std::nullopt;
  }
  packet.ip = *datagram;
  return packet;
}

// Reads a copy of the packet with its length and header checksum put right, and zeros for what is missing.
std::expected<wire::Ipv4Datagram, Drop> PacketReader::parse_mended(const Frame& frame, Bytes bytes, Packet& packet) {
  if (!has_whole_header(bytes)) return std::unexpected(Drop::ip_truncated);
  packet.header_checksum_wrong = !header_checksum_is_right(bytes);
  std::size_t size = wire::load16(bytes, total_length_offset);
  // Why: a sender that leaves segmentation to its network card leaves the length to it as well.
  if (size == 0) size = std::min(bytes.size(), wire::max_datagram_size);
  if (frame.truncated() && bytes.size() < size) {
    ++counts_.truncated;
    packet.missing = static_cast<std::uint32_t>(size - bytes.size());
  }
  mended_.assign(bytes.begin(), bytes.end());
  mended_.resize(bytes.size() + packet.missing);
  wire::store16(mended_, total_length_offset, static_cast<std::uint16_t>(size));
  write_header_checksum(mended_);
  return wire::parse_ipv4(mended_);
}

// The whole datagram in the fragment's place; nothing while pieces are missing.
std::optional<Packet> PacketReader::reassemble(Packet packet) {
  ++counts_.fragments;
  reassembler_.expire(packet.time);
  const auto whole =
      packet.missing > 0 ? std::unexpected(Drop::fragment_malformed) : reassembler_.add(packet.ip, packet.time);
  if (!whole) ++counts_.lost_fragments;
  if (!whole || !*whole) return std::nullopt;
  packet.ip = **whole;
  packet.put_together = true;
  return packet;
}

Instant PacketReader::forward(Instant captured) {
  if (captured < now_) ++counts_.backwards;
  now_ = std::max(now_, captured);
  return now_;
}

}  // namespace backstop::capture
