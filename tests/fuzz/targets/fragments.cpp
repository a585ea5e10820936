// Fragments of a few datagrams in any order, with gaps, overlaps and lies, beside a model that keeps every octet: what
// the reassembler returns is what the model has, and never with an octet that no fragment brought.
#include <algorithm>
#include <array>
#include <vector>

#include "stack/reassembly.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/support/packets.hpp"

namespace backstop::fuzz {
namespace {

constexpr std::uint32_t datagrams = 4;

// All fragments that ever came for one datagram, whichever life of it they belong to. Each is of one octet, repeated.
struct Model {
  struct Piece {
    std::size_t begin;
    std::size_t end;
    std::byte octet;
  };
  std::vector<Piece> pieces;

  [[nodiscard]] bool explains(Bytes payload) const {
    for (std::size_t i = 0; i < payload.size(); ++i) {
      const auto fits = [&](const Piece& piece) {
        return piece.begin <= i && i < piece.end && piece.octet == payload[i];
      };
      if (std::ranges::none_of(pieces, fits)) return false;
    }
    return true;
  }
};

void run(Bytes octets) {
  Input input{octets};
  const std::uint32_t places = input.below(4);
  Reassembler reassembler{places, std::pmr::get_default_resource()};
  std::array<Model, datagrams> models;
  Instant now{};
  while (!input.empty()) {
    const std::uint8_t what = input.octet();
    if ((what & 0xc0) == 0xc0) {
      now += std::chrono::milliseconds{input.number16()};
      (void)reassembler.expire(now);
      const Instant next = reassembler.next_deadline();
      require(next == never || next > now, "a deadline that has passed remains");
      continue;
    }
    wire::Ipv4Header header{.source = Ipv4Address::of(10, 0, 0, 1),
                            .destination = Ipv4Address::of(10, 0, 0, 2),
                            .protocol = wire::protocol_tcp,
                            .tos = static_cast<std::uint8_t>(what >> 4),
                            .id = static_cast<std::uint16_t>(what % datagrams),
                            .more_fragments = (what & 4) != 0,
                            .fragment_offset = static_cast<std::uint16_t>(input.number16() % 0x2000u * 8)};
    if (!header.is_fragment()) header.more_fragments = true;
    const bool large = (what & 8) != 0;
    const std::size_t size = large ? input.number16() % 1480u : std::size_t{input.octet()} % 64;
    const auto octet = static_cast<std::byte>(input.octet());
    test::Packet packet(wire::ipv4_header_size);
    wire::emit_ipv4(header, size, packet);
    packet.resize(packet.size() + size, octet);
    const auto fragment = wire::parse_ipv4(packet);
    require(fragment.has_value(), "an emitted fragment does not parse");
    Model& model = models[header.id];
    model.pieces.push_back({header.fragment_offset, header.fragment_offset + size, octet});
    const auto whole = reassembler.add(*fragment, now);
    if (!whole || !*whole) continue;
    require(!(*whole)->header.is_fragment(), "what was reassembled is still a fragment");
    require((*whole)->header.id == header.id, "the wrong datagram was completed");
    require(model.explains((*whole)->payload), "a reassembled octet that no fragment brought");
  }
}

}  // namespace
}  // namespace backstop::fuzz

BACKSTOP_FUZZ_TARGET("fragments", backstop::fuzz::run);
