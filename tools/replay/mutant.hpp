// One capture with bytes flipped, packets cut, duplicated and put in another order, as a number says.
// Read next: mutate.hpp, which replays such.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stack/tcp/time.hpp"

namespace backstop::replay {

struct CapturedFrame {
  Instant time{};
  std::uint32_t original_size = 0;
  std::vector<std::byte> octets;
};

/// A capture in memory.
struct CaptureImage {
  int link_type = 0;  ///< a DLT_ value
  std::vector<CapturedFrame> frames;
};

/// Reads a capture, up to `most_frames`; of several link types only the first. Throws UnreadableCapture.
CaptureImage read_image(const std::string& path, std::size_t most_frames);

/// The damaged capture as a pcap file: the same octets for the same number, on every machine.
std::vector<std::byte> make_mutant(CaptureImage image, std::uint64_t number);

}  // namespace backstop::replay
