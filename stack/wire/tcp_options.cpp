#include "stack/wire/tcp_options.hpp"

namespace backstop::wire {
namespace {

enum Kind : std::uint8_t {
  kind_end = 0,
  kind_nop = 1,
  kind_mss = 2,
  kind_scale = 3,
  kind_sack_permitted = 4,
  kind_sack = 5,
  kind_timestamps = 8
};

constexpr std::size_t sack_block_size = 8;

void read_sack(Bytes option, SackBlocks& sack) {
  if ((option.size() - 2) % sack_block_size != 0) return;
  for (std::size_t at = 2; at < option.size(); at += sack_block_size) {
    sack.push_back({SeqNum{load32(option, at)}, SeqNum{load32(option, at + 4)}});
  }
}

// One option, kind and length included. A known option of the wrong length is skipped like an unknown one.
void read_option(Bytes option, TcpOptions& options) {
  const std::size_t size = option.size();
  switch (load8(option, 0)) {
    case kind_mss:
      if (size == 4) options.mss = load16(option, 2);
      break;
    case kind_scale:
      if (size == 3) options.window_scale = load8(option, 2);
      break;
    case kind_sack_permitted:
      if (size == 2) options.sack_permitted = true;
      break;
    case kind_sack:
      read_sack(option, options.sack);
      break;
    case kind_timestamps:
      if (size == 10) options.timestamps = Timestamps{load32(option, 2), load32(option, 6)};
      break;
    default:
      break;
  }
}

class Writer {
 public:
  explicit Writer(MutableBytes out) : out_(out) {}

  void put8(std::uint8_t value) { store8(out_, size_++, value); }
  void put16(std::uint16_t value) {
    store16(out_, size_, value);
    size_ += 2;
  }
  void put32(std::uint32_t value) {
    store32(out_, size_, value);
    size_ += 4;
  }
  void nops(int count) {
    while (count-- > 0) put8(kind_nop);
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t room() const { return max_options_size - size_; }

 private:
  MutableBytes out_;
  std::size_t size_ = 0;
};

void write_sack_permitted(Writer& out) {
  out.put8(kind_sack_permitted);
  out.put8(2);
}

// SACK-permitted takes the two octets in front of the timestamps that would otherwise be padding.
void write_timestamps(Writer& out, const TcpOptions& options) {
  if (options.sack_permitted) {
    write_sack_permitted(out);
  } else {
    out.nops(2);
  }
  out.put8(kind_timestamps);
  out.put8(10);
  out.put32(options.timestamps->value);
  out.put32(options.timestamps->echo);
}

std::size_t sack_blocks_that_fit(const TcpOptions& options, std::size_t room) {
  return room < 4 ? 0 : std::min(options.sack.size(), (room - 4) / sack_block_size);
}

void write_sack(Writer& out, const TcpOptions& options) {
  const std::size_t count = sack_blocks_that_fit(options, out.room());
  if (count == 0) return;
  out.nops(2);
  out.put8(kind_sack);
  out.put8(static_cast<std::uint8_t>(2 + count * sack_block_size));
  for (std::size_t i = 0; i < count; ++i) {
    out.put32(options.sack[i].left.value());
    out.put32(options.sack[i].right.value());
  }
}

// A SYN that offers all that there is, in the layout of Linux and of ourselves, five words: MSS, SACK-permitted and
// timestamps, window scale. Most SYNs are such, and are read and written without going through options one by one.
constexpr std::size_t full_offer_size = 20;
constexpr std::uint32_t mss_of_four = std::uint32_t{kind_mss} << 8 | 4;
constexpr std::uint32_t sack_permitted_and_timestamps = 0x0402'080a;
constexpr std::uint32_t padded_scale = std::uint32_t{kind_nop} << 16 | std::uint32_t{kind_scale} << 8 | 3;

bool is_full_offer(Bytes bytes) {
  return bytes.size() == full_offer_size && load32(bytes, 0) >> 16 == mss_of_four &&
         load32(bytes, 4) == sack_permitted_and_timestamps && load32(bytes, 16) >> 8 == padded_scale;
}

bool is_full_offer(const TcpOptions& options) {
  return options.mss && options.window_scale && options.sack_permitted && options.timestamps && options.sack.empty();
}

void read_full_offer(Bytes bytes, TcpOptions& options) {
  options.mss = load16(bytes, 2);
  options.sack_permitted = true;
  options.timestamps.emplace(load32(bytes, 8), load32(bytes, 12));
  options.window_scale = load8(bytes, 19);
}

void write_full_offer(const TcpOptions& options, MutableBytes bytes) {
  store32(bytes, 0, mss_of_four << 16 | *options.mss);
  store32(bytes, 4, sack_permitted_and_timestamps);
  store32(bytes, 8, options.timestamps->value);
  store32(bytes, 12, options.timestamps->echo);
  store32(bytes, 16, padded_scale << 8 | *options.window_scale);
}

bool has_only_timestamps(const TcpOptions& options) {
  return options.timestamps && !options.mss && !options.window_scale && !options.sack_permitted && options.sack.empty();
}

}  // namespace

TcpOptions parse_options(Bytes bytes) {
  TcpOptions options;
  parse_options(bytes, options);
  return options;
}

void parse_options(Bytes bytes, TcpOptions& options) {
  if (bytes.size() == padded_timestamps_size && load32(bytes, 0) == padded_timestamps) {
    options.timestamps.emplace(load32(bytes, 4), load32(bytes, 8));
    return;
  }
  if (is_full_offer(bytes)) return read_full_offer(bytes, options);
  while (!bytes.empty()) {
    const std::uint8_t kind = load8(bytes, 0);
    if (kind == kind_end) break;
    if (kind == kind_nop) {
      bytes = bytes.subspan(1);
      continue;
    }
    if (bytes.size() < 2) break;
    const std::size_t size = load8(bytes, 1);
    if (size < 2 || size > bytes.size()) break;
    read_option(bytes.first(size), options);
    bytes = bytes.subspan(size);
  }
}

std::size_t emit_options(const TcpOptions& options, std::span<std::byte, max_options_size> bytes) {
  if (has_only_timestamps(options)) {
    store32(bytes, 0, padded_timestamps);
    store32(bytes, 4, options.timestamps->value);
    store32(bytes, 8, options.timestamps->echo);
    return padded_timestamps_size;
  }
  if (is_full_offer(options)) {
    write_full_offer(options, bytes);
    return full_offer_size;
  }
  Writer out{bytes};
  if (options.mss) {
    out.put8(kind_mss);
    out.put8(4);
    out.put16(*options.mss);
  }
  if (options.timestamps) {
    write_timestamps(out, options);
  } else if (options.sack_permitted) {
    out.nops(2);
    write_sack_permitted(out);
  }
  if (options.window_scale) {
    out.nops(1);
    out.put8(kind_scale);
    out.put8(3);
    out.put8(*options.window_scale);
  }
  write_sack(out, options);
  return out.size();
}

std::size_t options_size(const TcpOptions& options) {
  std::size_t size = (options.mss ? 4u : 0u) + (options.timestamps ? 12u : 0u) + (options.window_scale ? 4u : 0u) +
                     (options.sack_permitted && !options.timestamps ? 4u : 0u);
  const std::size_t blocks = sack_blocks_that_fit(options, max_options_size - size);
  return blocks == 0 ? size : size + 4 + blocks * sack_block_size;
}

}  // namespace backstop::wire
