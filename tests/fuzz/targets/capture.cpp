// Any octets as a capture file: pcap and pcapng, gzipped or not. It is read to its end or refused with a message.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "tests/fuzz/target.hpp"
#include "tools/capture/capture_error.hpp"
#include "tools/capture/packet_reader.hpp"

namespace backstop::fuzz {
namespace {

// The octets as a file that lives in memory.
class MemoryFile {
 public:
  explicit MemoryFile(Bytes octets) : descriptor_(memfd_create("capture", MFD_CLOEXEC)) {
    require(descriptor_ >= 0, "no file in memory");
    require(write(descriptor_, octets.data(), octets.size()) == static_cast<ssize_t>(octets.size()), "a short write");
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void run(Bytes octets) {
  const MemoryFile file{octets};
  try {
    capture::PacketReader reader{file.path(), capture::Filter{""}};
    Instant last = Instant::min();
    while (const auto packet = reader.next()) {
      require(packet->time >= last, "time runs backwards");
      last = packet->time;
      require(packet->ip.payload.size() <= wire::max_datagram_size, "a datagram of an impossible size");
    }
  } catch (const capture::UnreadableCapture& refused) {
    require(refused.what()[0] != '\0', "a capture was refused without a word");
  }
}

}  // namespace
}  // namespace backstop::fuzz

BACKSTOP_FUZZ_TARGET("capture", backstop::fuzz::run);
