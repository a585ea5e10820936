// Packets to put on devices: TCP segments of a fixed connection, and views that are OutboundPackets.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "stack/wire/segment.hpp"
#include "tests/support/catch.hpp"
#include "tun/device.hpp"

namespace backstop::tun {

inline constexpr Ipv4Address left_address = Ipv4Address::of(10, 90, 0, 1);
inline constexpr Ipv4Address right_address = Ipv4Address::of(10, 90, 0, 2);

inline std::vector<std::byte> text_of(std::size_t size, unsigned seed = 0) {
  std::vector<std::byte> text(size);
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<std::byte>((i * 131 + seed) >> 3);
  return text;
}

/// A segment to be told by its sequence number.
inline wire::Segment numbered(std::uint32_t seq) {
  wire::Segment segment;
  segment.seq = SeqNum{seq};
  return segment;
}

/// A packet that owns its bytes, with its text in pieces of `piece_size`.
class TestPacket {
 public:
  explicit TestPacket(std::size_t text_size, Offload offload = {}, wire::Segment segment = {}, std::size_t piece = 100)
      : text_(text_of(text_size, segment.seq.value())), offload_(offload) {
    segment.source_port = 40000;
    segment.destination_port = 7;
    for (std::size_t at = 0; at < text_.size(); at += piece) {
      pieces_.push_back(Bytes{text_}.subspan(at, std::min(piece, text_.size() - at)));
    }
    headers_.resize(wire::max_headers_size);
    headers_.resize(wire::emit_segment(
        {.source = left_address, .destination = right_address}, segment, pieces_,
        offload.checksum_partial ? wire::ChecksumKind::partial : wire::ChecksumKind::full, headers_));
  }
  TestPacket(const TestPacket&) = delete;
  TestPacket& operator=(const TestPacket&) = delete;

  [[nodiscard]] OutboundPacket view() const { return {.headers = headers_, .text = pieces_, .offload = offload_}; }
  [[nodiscard]] std::vector<std::byte> flat() const {
    std::vector<std::byte> all = headers_;
    all.insert(all.end(), text_.begin(), text_.end());
    return all;
  }

 private:
  std::vector<std::byte> text_;
  std::vector<Bytes> pieces_;
  std::vector<std::byte> headers_;
  Offload offload_;
};

inline bool same_bytes(Bytes a, Bytes b) { return std::ranges::equal(a, b); }

}  // namespace backstop::tun
