#include "tools/capture/pcapng.hpp"

#include <pcap/dlt.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "tools/capture/capture_error.hpp"

namespace backstop::capture {
namespace {

enum class BlockType : std::uint32_t {
  interface_description = 1,
  packet = 2,  // obsolete, but old files have it
  simple_packet = 3,
  enhanced_packet = 6,
  section_header = 0x0a0d0d0a,
};

constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;
// Why: no writer makes blocks of this size, and a damaged length must not make us allocate gigabytes.
constexpr std::uint32_t largest_block = 16 << 20;

constexpr std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

// The fields of a block in the section's byte order. A field that is not there reads as zero and is remembered.
class Fields {
 public:
  Fields(Bytes bytes, bool swapped) : bytes_(bytes), swapped_(swapped) {}

  std::uint16_t number16() { return number<std::uint16_t>(); }
  std::uint32_t number32() { return number<std::uint32_t>(); }
  std::uint64_t number64() { return number<std::uint64_t>(); }
  /// `size` octets, and skips the padding behind them.
  Bytes octets(std::size_t size) {
    if (size > bytes_.size()) {
      complete_ = false;
      return {};
    }
    const Bytes taken = bytes_.first(size);
    bytes_ = bytes_.subspan(std::min(padded(size), bytes_.size()));
    return taken;
  }
  [[nodiscard]] bool complete() const { return complete_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size(); }

 private:
  template <class T>
  T number() {
    if (bytes_.size() < sizeof(T)) {
      complete_ = false;
      return 0;
    }
    std::array<std::byte, sizeof(T)> octets{};
    std::copy_n(bytes_.begin(), sizeof(T), octets.begin());
    bytes_ = bytes_.subspan(sizeof(T));
    if (swapped_) std::reverse(octets.begin(), octets.end());
    T value = 0;
    std::memcpy(&value, octets.data(), sizeof(T));
    return value;
  }

  Bytes bytes_;
  bool swapped_;
  bool complete_ = true;
};

struct Interface {
  int link_type = 0;
  std::uint32_t snapshot_length = 0;
  std::uint64_t units_per_second = 1'000'000;
  std::int64_t offset_seconds = 0;
};

// LINKTYPE_ values are what files hold, DLT_ values what libpcap's filters want; of ours, only raw IP differs.
int to_dlt(std::uint16_t link_type) {
  constexpr std::uint16_t linktype_raw = 101;
  return link_type == linktype_raw ? DLT_RAW : link_type;
}

// if_tsresol: a power of ten, or of two when the top bit is set. 0 when it does not fit 64 bits.
std::uint64_t units_per_second(std::uint8_t resolution) {
  const unsigned exponent = resolution & 0x7fu;
  if ((resolution & 0x80u) != 0) return exponent < 64 ? std::uint64_t{1} << exponent : 0;
  std::uint64_t units = 1;
  for (unsigned i = 0; i < exponent; ++i) {
    if (units > std::numeric_limits<std::uint64_t>::max() / 10) return 0;
    units *= 10;
  }
  return units;
}

Interface read_interface(Fields fields, bool swapped) {
  constexpr std::uint16_t option_end = 0;
  constexpr std::uint16_t option_resolution = 9;
  constexpr std::uint16_t option_offset = 14;
  Interface interface;
  interface.link_type = to_dlt(fields.number16());
  fields.number16();  // reserved
  interface.snapshot_length = fields.number32();
  while (fields.left() >= 4) {
    const std::uint16_t code = fields.number16();
    const Bytes value = fields.octets(fields.number16());
    if (code == option_end) break;
    if (code == option_resolution && value.size() == 1) {
      interface.units_per_second = units_per_second(wire::load8(value, 0));
    }
    if (code == option_offset && value.size() == 8) {
      interface.offset_seconds = static_cast<std::int64_t>(Fields(value, swapped).number64());
    }
  }
  return interface;
}

// Saturates in 2116. Why: 64 bits of nanoseconds end in 2262, and whoever reads the packet sets deadlines after it.
Instant to_instant(std::uint64_t units, const Interface& interface) {
  constexpr std::uint64_t nanoseconds = 1'000'000'000;
  constexpr std::int64_t latest = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 / 2;
  const std::uint64_t rate = std::max<std::uint64_t>(interface.units_per_second, 1);
  const std::uint64_t whole = std::min<std::uint64_t>(units / rate, static_cast<std::uint64_t>(latest));
  __extension__ using Wide = unsigned __int128;
  const auto part = static_cast<std::int64_t>(Wide{units % rate} * nanoseconds / rate);
  const std::int64_t offset = std::clamp<std::int64_t>(interface.offset_seconds, -latest, latest);
  const std::int64_t seconds = std::clamp<std::int64_t>(static_cast<std::int64_t>(whole) + offset, 0, latest);
  return Instant{std::chrono::seconds(seconds) + std::chrono::nanoseconds(part)};
}

class PcapngSource final : public FrameSource {
 public:
  explicit PcapngSource(std::unique_ptr<Input> input) : input_(std::move(input)) {}

  std::optional<Frame> next() override {
    while (const auto type = read_block()) {
      Fields fields(body_, swapped_);
      if (*type == BlockType::section_header) interfaces_.clear();
      if (*type == BlockType::interface_description) add_interface(fields);
      if (auto frame = read_frame(*type, fields)) return frame;
    }
    return std::nullopt;
  }

  [[nodiscard]] bool cut_short() const override { return cut_short_; }
  [[nodiscard]] std::uint64_t octets_read() const override { return input_->octets_read(); }

 private:
  // Reads the next block into body_, without its lengths and type. Nothing at the end.
  std::optional<BlockType> read_block() {
    std::array<std::byte, 8> head{};
    if (!read(head, true)) return std::nullopt;
    const auto type = static_cast<BlockType>(Fields(head, swapped_).number32());
    if (type == BlockType::section_header && !read_byte_order()) return std::nullopt;
    Fields fields(head, swapped_);
    fields.number32();
    const std::uint32_t length = fields.number32();
    const std::size_t already_read = type == BlockType::section_header ? head.size() + 4 : head.size();
    if (length < already_read + 4 || length % 4 != 0 || length > largest_block) {
      fail("a block of " + std::to_string(length) + " octets");
    }
    body_.resize(length - already_read);
    if (!read(body_, false)) return std::nullopt;
    body_.resize(body_.size() - 4);  // the length once more
    return type;
  }

  // Section headers say in which byte order their section is written: before their length makes sense.
  bool read_byte_order() {
    std::array<std::byte, 4> magic{};
    if (!read(magic, false)) return false;
    swapped_ = Fields(magic, false).number32() != byte_order_magic;
    if (Fields(magic, swapped_).number32() != byte_order_magic) fail("a section without its byte-order magic");
    return true;
  }

  bool read(std::span<std::byte> into, bool may_end_here) {
    const std::size_t size = std::fread(into.data(), 1, into.size(), input_->file());
    if (size == into.size()) return true;
    if (const std::string damage = input_->damage(); !damage.empty()) fail("damaged gzip data: " + damage);
    cut_short_ = !may_end_here || size != 0 || input_->cut_short();
    return false;
  }

  void add_interface(Fields fields) {
    interfaces_.push_back(read_interface(fields, swapped_));
    if (interfaces_.back().units_per_second == 0) fail("an interface with an impossible time resolution");
  }

  std::optional<Frame> read_frame(BlockType type, Fields& fields) {
    Frame frame;
    std::uint32_t captured = 0;
    const Interface* interface = nullptr;
    if (type == BlockType::enhanced_packet || type == BlockType::packet) {
      const bool is_old = type == BlockType::packet;
      interface = find_interface(is_old ? fields.number16() : fields.number32());
      if (is_old) fields.number16();  // drops
      const std::uint64_t high = fields.number32();
      time_ = to_instant((high << 32) | fields.number32(), *interface);
      captured = fields.number32();
      frame.original_size = fields.number32();
    } else if (type == BlockType::simple_packet) {
      interface = find_interface(0);
      frame.original_size = fields.number32();
      const std::uint32_t limit = interface->snapshot_length == 0 ? largest_block : interface->snapshot_length;
      captured = std::min(frame.original_size, limit);
    } else {
      return std::nullopt;
    }
    frame.bytes = fields.octets(captured);
    if (!fields.complete()) fail("a packet longer than its block");
    frame.number = ++number_;
    frame.time = time_;
    frame.link_type = interface->link_type;
    return frame;
  }

  const Interface* find_interface(std::size_t index) const {
    if (index >= interfaces_.size())
      fail("a packet of interface " + std::to_string(index) + ", which is not described");
    return &interfaces_[index];
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw UnreadableCapture(input_->name() + ": damaged behind packet " + std::to_string(number_) + ": " + what);
  }

  std::unique_ptr<Input> input_;
  bool swapped_ = false;
  std::vector<std::byte> body_;
  std::vector<Interface> interfaces_;
  Instant time_{};  // simple packets have none of their own
  std::uint64_t number_ = 0;
  bool cut_short_ = false;
};

}  // namespace

bool is_pcapng(Bytes first_octets) {
  return first_octets.size() == 4 &&
         wire::load32(first_octets, 0) == static_cast<std::uint32_t>(BlockType::section_header);
}

std::unique_ptr<FrameSource> open_pcapng(std::unique_ptr<Input> input) {
  return std::make_unique<PcapngSource>(std::move(input));
}

}  // namespace backstop::capture
