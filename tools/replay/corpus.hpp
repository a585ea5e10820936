// The captures that a command line names: files, and folders with all that they hold; and the share of them that one
// machine of several takes.
// Read next: run.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace backstop::replay {

struct CaptureFile {
  std::string path;  ///< "-" is standard input
  std::string name;  ///< the path below the folder that was given, or the file's name: the same wherever a corpus lies
};

/// One of several equal shares of a corpus, taken by the hash of the names.
struct Shard {
  std::uint32_t index = 0;  ///< modulo count: counted from 0 or from 1, all indices together make the whole
  std::uint32_t count = 1;
};

/// The captures that the arguments name, in the order of the arguments and of the names in folders.
/// Throws std::invalid_argument for what is not there, and for a folder without captures.
std::vector<CaptureFile> find_captures(const std::vector<std::string>& arguments);

std::vector<CaptureFile> take_shard(const std::vector<CaptureFile>& files, Shard shard);

/// What files in a folder are taken for captures by: their ending.
inline constexpr std::string_view capture_endings = ".pcap, .pcapng, .cap, .dmp, and these with .gz";

}  // namespace backstop::replay
