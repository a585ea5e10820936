// IPv4 packets out of a capture, ready to be replayed or drawn: link layers taken off, fragments put together, time
// that never runs backwards, and a count of everything that was passed over.
// Read next: tools/replay/flow.hpp, which sorts them into flows.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stack/reassembly.hpp"
#include "stack/wire/ipv4.hpp"
#include "tools/capture/filter.hpp"
#include "tools/capture/frame_source.hpp"

namespace backstop::capture {

/// What became of the frames of one capture.
struct CaptureCounts {
  std::uint64_t frames = 0;
  std::uint64_t filtered_out = 0;
  std::uint64_t ipv6 = 0;
  std::uint64_t not_ip = 0;
  std::uint64_t malformed = 0;  ///< link-layer or IPv4 header that makes no sense
  std::uint64_t truncated = 0;  ///< by the snapshot length
  std::uint64_t fragments = 0;
  std::uint64_t lost_fragments = 0;  ///< that overlap or make no sense
  std::uint64_t backwards = 0;       ///< captured before the one in front of it: moved to that one's time
  bool cut_short = false;            ///< the file ends in the middle of a frame

  CaptureCounts& operator+=(const CaptureCounts& other);
};

/// One IPv4 packet. Views are valid until the next call of the reader.
struct Packet {
  std::uint64_t number = 0;  ///< of its frame, of the last one when it came in fragments
  Instant time{};
  wire::Ipv4Datagram ip;      ///< what the snapshot length cut off is filled with zeros
  std::uint32_t missing = 0;  ///< octets that were filled in so
  bool header_checksum_wrong = false;
  bool put_together = false;  ///< out of fragments
};

/// What becomes of fragments.
enum class Fragments : std::uint8_t {
  put_together,   ///< only whole datagrams come out
  shown_as_well,  ///< each fragment comes out, and the datagram behind the last of its fragments
};

class PacketReader {
 public:
  /// Throws UnreadableCapture.
  PacketReader(const std::string& path, Filter filter, Fragments fragments = Fragments::put_together);

  /// The next IPv4 packet, or nothing at the end. Throws UnreadableCapture, and std::invalid_argument for the filter.
  std::optional<Packet> next();
  [[nodiscard]] const CaptureCounts& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t octets_read() const { return frames_->octets_read(); }

 private:
  Bytes find_ipv4(const Frame& frame);
  std::optional<Packet> read_ipv4(const Frame& frame, Bytes bytes);
  std::expected<wire::Ipv4Datagram, Drop> parse_mended(const Frame& frame, Bytes bytes, Packet& packet);
  std::optional<Packet> reassemble(Packet packet);
  Instant forward(Instant captured);

  std::string name_;
  std::unique_ptr<FrameSource> frames_;
  Filter filter_;
  Fragments fragments_;
  std::optional<Packet> whole_;  // comes next
  CaptureCounts counts_;
  Instant now_ = Instant::min();
  std::vector<std::byte> mended_;  // a packet that is not taken as the file has it
  Reassembler reassembler_;
};

}  // namespace backstop::capture
