#include "tools/replay/mutant.hpp"

#include <pcap/dlt.h>

#include <algorithm>
#include <array>
#include <random>

#include "stack/wire/checksum.hpp"
#include "stack/wire/ipv4.hpp"
#include "tools/capture/frame_source.hpp"
#include "tools/capture/link_layer.hpp"

namespace backstop::replay {
namespace {

using capture::Frame;
using Frames = std::vector<CapturedFrame>;

// Why not the library's distributions: they draw other numbers in other libraries.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  /// From 0 to `sides` - 1.
  std::size_t roll(std::size_t sides) { return sides == 0 ? 0 : static_cast<std::size_t>(engine_() % sides); }
  bool one_in(std::size_t sides) { return roll(sides) == 0; }

 private:
  std::mt19937_64 engine_;
};

// --- Damage to frames.

// Most of what a stack decides on stands in the headers.
std::size_t place_in(const std::vector<std::byte>& octets, Dice& dice) {
  constexpr std::size_t headers = 80;
  return dice.roll(dice.one_in(4) ? octets.size() : std::min(octets.size(), headers));
}

void flip(CapturedFrame& frame, Dice& dice) {
  if (frame.octets.empty()) return;
  frame.octets[place_in(frame.octets, dice)] ^= std::byte{1} << dice.roll(8);
}

// Numbers at their limits.
void overwrite(CapturedFrame& frame, Dice& dice) {
  constexpr std::array<std::byte, 5> extremes{std::byte{0}, std::byte{1}, std::byte{0x7f}, std::byte{0x80},
                                              std::byte{0xff}};
  if (frame.octets.empty()) return;
  const std::size_t begin = place_in(frame.octets, dice);
  const std::size_t end = std::min(begin + (std::size_t{1} << dice.roll(4)), frame.octets.size());
  std::fill(frame.octets.begin() + static_cast<std::ptrdiff_t>(begin),
            frame.octets.begin() + static_cast<std::ptrdiff_t>(end), extremes[dice.roll(extremes.size())]);
}

void cut(CapturedFrame& frame, Dice& dice) {
  frame.octets.resize(dice.roll(frame.octets.size() + 1));
  if (dice.one_in(2)) frame.original_size = static_cast<std::uint32_t>(frame.octets.size());
}

void move_in_time(CapturedFrame& frame, Dice& dice) {
  constexpr std::array<std::int64_t, 6> jumps{-3'600'000'000'000, -1'000'000,     1000,
                                              250'000'000,        90'000'000'000, 10'000'000'000'000};
  frame.time += Duration(jumps[dice.roll(jumps.size())]);
}

void move_in_order(Frames& frames, Dice& dice) {
  const std::size_t from = dice.roll(frames.size());
  const std::size_t to =
      dice.one_in(2) ? dice.roll(frames.size()) : std::min(from + 1 + dice.roll(4), frames.size() - 1);
  std::swap(frames[from], frames[to]);
  if (dice.one_in(2)) std::swap(frames[from].time, frames[to].time);
}

void duplicate(Frames& frames, Dice& dice) {
  const CapturedFrame copy = frames[dice.roll(frames.size())];
  frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(dice.roll(frames.size() + 1)), copy);
}

void remove(Frames& frames, Dice& dice) {
  if (frames.size() > 1) frames.erase(frames.begin() + static_cast<std::ptrdiff_t>(dice.roll(frames.size())));
}

// So that the damage is not thrown away with the packet.
void mend_checksums(int link_type, CapturedFrame& frame) {
  constexpr std::size_t ip_checksum = 10, tcp_checksum = 16;
  const Bytes found = capture::find_ip(link_type, frame.octets).bytes;
  if (found.size() < wire::ipv4_header_size) return;
  const std::size_t header_size = std::size_t{wire::load8(found, 0) & 0xfu} * 4;
  if (header_size < wire::ipv4_header_size || found.size() < header_size) return;
  const auto at = static_cast<std::size_t>(found.data() - frame.octets.data());
  const MutableBytes packet = MutableBytes(frame.octets).subspan(at);
  wire::store16(packet, ip_checksum, 0);
  wire::Checksum of_header;
  of_header.add(packet.first(header_size));
  wire::store16(packet, ip_checksum, of_header.finish());
  const auto datagram = wire::parse_ipv4(packet);
  const bool is_tcp = datagram && datagram->header.protocol == wire::protocol_tcp;
  if (!is_tcp || datagram->payload.size() < tcp_checksum + 2) return;
  wire::store16(packet, header_size + tcp_checksum, 0);
  wire::Checksum of_segment =
      wire::pseudo_header(datagram->header.source, datagram->header.destination, wire::protocol_tcp,
                          static_cast<std::uint16_t>(datagram->payload.size()));
  of_segment.add(datagram->payload);
  wire::store16(packet, header_size + tcp_checksum, of_segment.finish());
}

void damage_frames(CaptureImage& image, Dice& dice) {
  Frames& frames = image.frames;
  const std::size_t times = 1 + dice.roll(dice.one_in(4) ? frames.size() / 2 + 1 : 8);
  for (std::size_t i = 0; i < times; ++i) {
    CapturedFrame& frame = frames[dice.roll(frames.size())];
    const std::size_t kind = dice.roll(12);
    if (kind < 3)
      flip(frame, dice);
    else if (kind < 5)
      overwrite(frame, dice);
    else if (kind < 6)
      cut(frame, dice);
    else if (kind < 7)
      move_in_time(frame, dice);
    if (kind < 6 && !dice.one_in(4)) mend_checksums(image.link_type, frame);
    if (kind == 7 || kind == 8) move_in_order(frames, dice);
    if (kind == 9 || kind == 10) duplicate(frames, dice);
    if (kind == 11) remove(frames, dice);
  }
}

// --- The file.

void append32(std::vector<std::byte>& file, std::uint64_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) file.push_back(static_cast<std::byte>((value >> shift) & 0xff));
}

std::vector<std::byte> write_pcap(const CaptureImage& image) {
  constexpr std::uint32_t magic_nanoseconds = 0xa1b2'3c4d, version_2_4 = 0x0004'0002, snapshot_length = 262'144;
  constexpr std::uint32_t linktype_raw = 101;
  constexpr std::int64_t second = 1'000'000'000;
  std::vector<std::byte> file;
  for (const std::uint32_t number : {magic_nanoseconds, version_2_4, 0u, 0u, snapshot_length}) append32(file, number);
  append32(file, image.link_type == DLT_RAW ? linktype_raw : static_cast<std::uint32_t>(image.link_type));
  for (const CapturedFrame& frame : image.frames) {
    const std::int64_t time = std::max<std::int64_t>(frame.time.time_since_epoch().count(), 0);
    append32(file, static_cast<std::uint64_t>(time / second));
    append32(file, static_cast<std::uint64_t>(time % second));
    append32(file, frame.octets.size());
    append32(file, frame.original_size);
    file.insert(file.end(), frame.octets.begin(), frame.octets.end());
  }
  return file;
}

void damage_file(std::vector<std::byte>& file, Dice& dice) {
  if (dice.one_in(2)) file.resize(dice.roll(file.size() + 1));
  for (std::size_t i = dice.roll(4); i > 0 && !file.empty(); --i) file[dice.roll(file.size())] ^= std::byte{0x40};
}

}  // namespace

CaptureImage read_image(const std::string& path, std::size_t most_frames) {
  CaptureImage image;
  const auto source = capture::open_capture(path);
  while (const auto frame = source->next()) {
    if (image.frames.empty()) image.link_type = frame->link_type;
    if (frame->link_type != image.link_type) continue;
    image.frames.push_back({frame->time, frame->original_size, {frame->bytes.begin(), frame->bytes.end()}});
    if (image.frames.size() == most_frames) break;
  }
  return image;
}

std::vector<std::byte> make_mutant(CaptureImage image, std::uint64_t number) {
  Dice dice(number);
  if (!image.frames.empty() && capture::is_known_link_type(image.link_type)) damage_frames(image, dice);
  std::vector<std::byte> file = write_pcap(image);
  if (dice.one_in(16)) damage_file(file, dice);
  return file;
}

}  // namespace backstop::replay
