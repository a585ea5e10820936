// Frames out of a capture file, one after the other, however long it is: memory does not grow with it.
// libpcap reads pcap in both byte orders, in microseconds and nanoseconds; pcapng is read in pcapng.hpp.
// Read next: packet_reader.hpp.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tools/capture/frame.hpp"

namespace backstop::capture {

class FrameSource {
 public:
  virtual ~FrameSource() = default;
  /// The next frame, or nothing at the end. Valid until the next call. Throws UnreadableCapture.
  virtual std::optional<Frame> next() = 0;
  /// True when the file ended in the middle of a frame, as one does whose writer was killed.
  [[nodiscard]] virtual bool cut_short() const = 0;
  /// Octets of the file that were read so far.
  [[nodiscard]] virtual std::uint64_t octets_read() const = 0;

 protected:
  FrameSource() = default;
  FrameSource(const FrameSource&) = default;
  FrameSource& operator=(const FrameSource&) = default;
};

/// Opens a capture of any kind; "-" is standard input. Throws UnreadableCapture.
std::unique_ptr<FrameSource> open_capture(const std::string& path);

}  // namespace backstop::capture
