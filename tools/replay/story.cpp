#include "tools/replay/story.hpp"

#include <algorithm>
#include <array>

namespace backstop::replay {

void Story::add(Instant time, std::uint64_t number, Actor actor, const wire::Ipv4Header& ip,
                const wire::Segment& segment) {
  Moment* moment = append(time, number, actor);
  if (moment == nullptr) return;
  moment->is_segment = true;
  moment->ip = ip;
  moment->segment = segment;
  moment->segment.text = {};
  moment->text_size = static_cast<std::uint32_t>(segment.text.size());
  moment->text_hash = hash_text(segment.text);
}

void Story::add_ours(Instant time, Bytes packet, const wire::Ipv4Header& ip, const wire::Segment& segment) {
  const std::size_t before = moments_.size();
  add(time, 0, Actor::us, ip, segment);
  if (moments_.size() == before) return;
  std::array<std::byte, wire::max_headers_size> again{};
  const std::size_t size = wire::emit_segment(ip, segment, {&segment.text, 1}, wire::ChecksumKind::full, again);
  const Bytes headers = packet.first(packet.size() - segment.text.size());
  if (!std::ranges::equal(headers, Bytes(again).first(size))) moments_.back().other_octets = hash_text(headers) | 1u;
}

void Story::add(Instant time, std::uint64_t number, Actor actor, std::string words) {
  if (Moment* moment = append(time, number, actor)) moment->words = std::move(words);
}

Moment* Story::append(Instant time, std::uint64_t number, Actor actor) {
  if (moments_.size() == most_moments) {
    ++left_out_;
    return nullptr;
  }
  Moment& moment = moments_.emplace_back();
  moment.time = time;
  moment.number = number;
  moment.actor = actor;
  return &moment;
}

// FNV-1a, 32 bits, over words of eight octets where there are such.
std::uint32_t hash_text(Bytes text) {
  constexpr std::uint64_t prime = 0x0000'0100'0000'01b3;
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (; text.size() >= 8; text = text.subspan(8)) {
    const std::uint64_t word = (std::uint64_t{wire::load32(text, 0)} << 32) | wire::load32(text, 4);
    hash = (hash ^ word) * prime;
    hash ^= hash >> 32;
  }
  for (const std::byte octet : text) hash = (hash ^ std::to_integer<std::uint64_t>(octet)) * prime;
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

}  // namespace backstop::replay
