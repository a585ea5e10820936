#include "stack/reassembly.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "stack/wire/checksum.hpp"

namespace backstop {

Reassembler::Reassembler(std::uint32_t max_datagrams, std::pmr::memory_resource* memory)
    : memory_(memory),
      partials_(max_datagrams, memory),
      buffers_(static_cast<std::byte*>(memory->allocate(max_datagrams * buffer_size, alignof(Partial)))),
      order_(max_datagrams, memory) {
  std::iota(order_.begin(), order_.end(), 0u);
}

Reassembler::~Reassembler() { memory_->deallocate(buffers_, partials_.size() * buffer_size, alignof(Partial)); }

Reassembler::Piece::Piece(const wire::Ipv4Datagram& fragment)
    : begin(fragment.header.fragment_offset),
      end(begin + static_cast<std::uint32_t>(fragment.payload.size())),
      last(!fragment.header.more_fragments),
      bytes(fragment.payload) {}

bool Reassembler::Piece::well_formed() const {
  return !bytes.empty() && end <= max_payload && (last || bytes.size() % unit == 0);
}

std::expected<std::optional<wire::Ipv4Datagram>, Drop> Reassembler::add(const wire::Ipv4Datagram& fragment,
                                                                        Instant now) {
  const Piece piece{fragment};
  if (!piece.well_formed()) return std::unexpected(Drop::fragment_malformed);
  if (partials_.empty()) return std::unexpected(Drop::fragment_no_room);

  discard_old(now);
  const wire::Ipv4Header& header = fragment.header;
  const std::uint32_t index = find_or_start({header.source, header.destination, header.id, header.protocol}, now);
  Partial& partial = partials_[index];
  if (partial.spoilt) return std::unexpected(Drop::fragment_overlap);
  if (is_duplicate(index, piece)) return std::nullopt;
  if (conflicts(partial, piece)) {
    partial.spoilt = true;
    return std::unexpected(Drop::fragment_overlap);
  }
  store(index, piece, fragment);
  if (partial.received != partial.end) return std::nullopt;
  return finish(index);
}

std::uint32_t Reassembler::find_or_start(const Key& key, Instant now) {
  for (std::uint32_t i = 0; i < active_; ++i) {
    if (partials_[order_[i]].key == key) return order_[i];
  }
  if (active_ == order_.size()) {
    release(order_.front());
    ++evicted_;
  }
  const std::uint32_t index = order_[active_++];
  partials_[index] = {.key = key, .deadline = now + timeout};
  return index;
}

void Reassembler::release(std::uint32_t index) {
  const auto place = std::find(order_.begin(), order_.begin() + active_, index);
  std::rotate(place, place + 1, order_.begin() + active_);
  --active_;
}

std::byte* Reassembler::payload_of(std::uint32_t index) const { return buffers_ + index * buffer_size + header_room; }

// An exact duplicate begins and ends where an earlier fragment did, and says the same.
bool Reassembler::is_duplicate(std::uint32_t index, const Piece& piece) const {
  const Partial& partial = partials_[index];
  const std::size_t first = piece.begin / unit;
  if (!partial.beginnings[first]) return false;
  std::size_t after = first + 1;
  while (after < max_units && partial.present[after] && !partial.beginnings[after]) ++after;
  const std::size_t earlier_end = after * unit >= partial.highest ? partial.highest : after * unit;
  return earlier_end == piece.end && piece.last == (piece.end == partial.end) &&
         std::memcmp(payload_of(index) + piece.begin, piece.bytes.data(), piece.bytes.size()) == 0;
}

bool Reassembler::conflicts(const Partial& partial, const Piece& piece) {
  if (partial.end != 0 && (piece.last || piece.end > partial.end)) return true;
  if (piece.last && piece.end < partial.highest) return true;
  for (std::size_t at = piece.begin / unit; at * unit < piece.end; ++at) {
    if (partial.present[at]) return true;
  }
  return false;
}

void Reassembler::store(std::uint32_t index, const Piece& piece, const wire::Ipv4Datagram& fragment) {
  Partial& partial = partials_[index];
  std::byte* const payload = payload_of(index);
  std::memcpy(payload + piece.begin, piece.bytes.data(), piece.bytes.size());
  for (std::size_t at = piece.begin / unit; at * unit < piece.end; ++at) partial.present.set(at);
  partial.beginnings.set(piece.begin / unit);
  partial.received += piece.end - piece.begin;
  partial.highest = std::max(partial.highest, piece.end);
  if (piece.last) partial.end = piece.end;
  partial.ecn_seen = static_cast<std::uint8_t>(partial.ecn_seen | 1u << (fragment.header.tos & 3u));
  if (piece.begin == 0) {
    partial.header_size = static_cast<std::uint8_t>(fragment.whole.size() - fragment.payload.size());
    std::memcpy(payload - partial.header_size, fragment.whole.data(), partial.header_size);
  }
}

// Turns the first fragment's header into the whole datagram's, and reads that.
std::expected<std::optional<wire::Ipv4Datagram>, Drop> Reassembler::finish(std::uint32_t index) {
  release(index);
  const Partial& partial = partials_[index];
  const std::size_t size = partial.header_size + partial.end;
  if (size > wire::max_datagram_size) return std::unexpected(Drop::fragment_malformed);

  // A congestion mark on any fragment marks the whole, which must then be ECN-capable throughout (RFC 3168
  // section 5.3).
  constexpr unsigned not_capable = 1u << 0;
  constexpr unsigned congestion_experienced = 1u << 3;
  const bool marked = (partial.ecn_seen & congestion_experienced) != 0;
  if (marked && (partial.ecn_seen & not_capable) != 0) return std::unexpected(Drop::fragment_malformed);

  const MutableBytes whole{payload_of(index) - partial.header_size, size};
  if (marked) wire::store8(whole, 1, wire::load8(whole, 1) | 3u);
  wire::store16(whole, 2, static_cast<std::uint16_t>(size));
  wire::store16(whole, 6, wire::load16(whole, 6) & 0x4000);  // neither more fragments nor an offset
  wire::store16(whole, 10, 0);
  wire::Checksum checksum;
  checksum.add(whole.first(partial.header_size));
  wire::store16(whole, 10, checksum.finish());
  return wire::parse_ipv4(whole);
}

Instant Reassembler::next_deadline() const { return active_ == 0 ? never : partials_[order_.front()].deadline; }

void Reassembler::discard_old(Instant now) {
  while (next_deadline() <= now && active_ > 0) {
    release(order_.front());
    ++timed_out_;
  }
}

unsigned Reassembler::expire(Instant now) {
  discard_old(now);
  return std::exchange(timed_out_, 0);
}

}  // namespace backstop
