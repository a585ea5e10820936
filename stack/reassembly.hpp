// IPv4 reassembly (RFC 791 section 3.2, RFC 1122 section 3.3.2) within a fixed bound: so many datagrams at a time, each
// in a buffer that fits the largest. Fragments that overlap spoil their datagram, as RFC 5722 teaches: which of two
// versions of an octet counts must not be a riddle for whoever filters in front of us.
// Deviation: no ICMP time exceeded when a datagram stays incomplete (RFC 1122 section 3.3.2): a sender of forged
// fragments would choose whom we send it to.
// Read next: core.hpp.
#pragma once

#include <bitset>
#include <cstdint>
#include <expected>
#include <memory_resource>
#include <optional>
#include <utility>
#include <vector>

#include "stack/tcp/time.hpp"
#include "stack/wire/ipv4.hpp"

namespace backstop {

class Reassembler {
 public:
  /// Why: the least that RFC 1122 section 3.3.2 allows; it counts from the first fragment that arrives.
  static constexpr Duration timeout = std::chrono::seconds{60};

  /// Room for `max_datagrams` at a time, all memory from `memory`.
  Reassembler(std::uint32_t max_datagrams, std::pmr::memory_resource* memory);
  ~Reassembler();
  Reassembler(const Reassembler&) = delete;
  Reassembler& operator=(const Reassembler&) = delete;

  /// Octets it takes from the resource.
  static constexpr std::size_t required_memory(std::uint32_t max_datagrams) {
    return max_datagrams * (sizeof(Partial) + sizeof(std::uint32_t) + buffer_size);
  }

  /// Takes a datagram whose header.is_fragment(). Nothing: the rest has yet to come, or it was a duplicate. A datagram:
  /// this was the last piece; it views memory of ours until the next call. When there is no room the oldest datagram
  /// makes place: whoever floods us with fragments can keep others from being reassembled, but not take more memory.
  /// Errors: fragment_malformed, fragment_overlap, fragment_no_room (max_datagrams is 0).
  std::expected<std::optional<wire::Ipv4Datagram>, Drop> add(const wire::Ipv4Datagram& fragment, Instant now);

  /// When the next datagram times out; `never` when none is waiting.
  [[nodiscard]] Instant next_deadline() const;
  /// Throws away what has timed out; how many datagrams, those that add() found counted.
  unsigned expire(Instant now);
  /// How many datagrams add() threw away for lack of room since the last time it was asked.
  unsigned take_evicted() { return std::exchange(evicted_, 0); }

 private:
  static constexpr std::size_t unit = 8;  // octets; fragments begin at a multiple of it
  static constexpr std::size_t max_payload = wire::max_datagram_size - wire::ipv4_header_size;
  static constexpr std::size_t max_units = (max_payload + unit - 1) / unit;
  static constexpr std::size_t header_room = 64;  // in front of the payload, for a header of up to 60 octets
  static constexpr std::size_t buffer_size = header_room + max_units * unit;

  using Units = std::bitset<max_units>;

  // What tells datagrams apart (RFC 791 section 2.3).
  struct Key {
    Ipv4Address source;
    Ipv4Address destination;
    std::uint16_t id = 0;
    std::uint8_t protocol = 0;

    friend bool operator==(const Key&, const Key&) = default;
  };

  // A datagram that is not complete yet. Sizes and places are octets of payload.
  struct Partial {
    Key key;
    Instant deadline{};
    Units present{};
    Units beginnings{};            // units that a fragment began with
    std::uint32_t received = 0;    // nothing overlaps, so this being `end` means complete
    std::uint32_t highest = 0;     // end of the farthest piece
    std::uint32_t end = 0;         // end of the last fragment; 0: it has not come yet
    std::uint8_t header_size = 0;  // of the first fragment; 0: it has not come yet
    std::uint8_t ecn_seen = 0;     // bit n: a fragment had ECN field n
    bool spoilt = false;           // fragments overlapped: what else comes of it is dropped too
  };

  // A fragment as it lies in its datagram.
  struct Piece {
    explicit Piece(const wire::Ipv4Datagram& fragment);
    [[nodiscard]] bool well_formed() const;

    std::uint32_t begin;
    std::uint32_t end;
    bool last;
    Bytes bytes;
  };

  std::uint32_t find_or_start(const Key& key, Instant now);
  void release(std::uint32_t index);
  void discard_old(Instant now);
  [[nodiscard]] std::byte* payload_of(std::uint32_t index) const;
  [[nodiscard]] bool is_duplicate(std::uint32_t index, const Piece& piece) const;
  [[nodiscard]] static bool conflicts(const Partial& partial, const Piece& piece);
  void store(std::uint32_t index, const Piece& piece, const wire::Ipv4Datagram& fragment);
  std::expected<std::optional<wire::Ipv4Datagram>, Drop> finish(std::uint32_t index);

  std::pmr::memory_resource* memory_;
  std::pmr::vector<Partial> partials_;
  std::byte* buffers_;
  std::pmr::vector<std::uint32_t> order_;  // indices of partials_: the active ones, oldest first, then the free ones
  std::uint32_t active_ = 0;
  unsigned evicted_ = 0;
  unsigned timed_out_ = 0;
};

}  // namespace backstop
