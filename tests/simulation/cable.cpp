#include "tests/simulation/cable.hpp"

#include <algorithm>

#include "stack/wire/icmp.hpp"
#include "stack/wire/segment.hpp"

namespace backstop::simulation {
namespace {

constexpr Ipv4Address router = Ipv4Address::of(192, 0, 2, 1);
constexpr std::uint8_t ecn_mask = 0x03;
constexpr std::uint8_t congestion_experienced = 0x03;

// What a network card does with a packet that it is to cut (TSO): whole segments of `gso_size`, FIN and PSH on the
// last. Why ids of its own: those that the stack gives out next belong to other packets, and fragments must not mix.
std::vector<test::Packet> cut(const test::Packet& packet, Offload offload, std::uint16_t& next_id) {
  const auto datagram = wire::parse_ipv4(packet);
  const wire::Segment whole = *wire::parse_segment(*datagram, offload);
  std::vector<test::Packet> pieces;
  wire::Ipv4Header ip = datagram->header;
  for (std::size_t at = 0; at < whole.text.size(); at += offload.gso_size) {
    ip.id = next_id++ | 0x8000;
    wire::Segment piece = whole;
    piece.seq += static_cast<std::uint32_t>(at);
    piece.text = whole.text.subspan(at, std::min<std::size_t>(offload.gso_size, whole.text.size() - at));
    const bool last = at + piece.text.size() == whole.text.size();
    if (!last) {
      piece.flags.clear(wire::Flag::fin);
      piece.flags.clear(wire::Flag::psh);
    }
    if (at > 0) piece.flags.clear(wire::Flag::cwr);
    pieces.push_back(test::tcp_packet(ip, piece));
  }
  return pieces;
}

void mark_congestion(test::Packet& packet) {
  const auto datagram = wire::parse_ipv4(packet);
  if (!datagram || (datagram->header.tos & ecn_mask) == 0) return;
  wire::Ipv4Header ip = datagram->header;
  ip.tos |= congestion_experienced;
  wire::emit_ipv4(ip, datagram->payload.size(), packet);
}

}  // namespace

std::string_view Cable::pass(test::Packet packet, Offload offload, Instant now, std::vector<Arrival>& arrivals) {
  if (conditions.carries_offload) return pass_one(std::move(packet), offload, now, arrivals);
  if (offload.gso_size == 0) {
    if (offload.checksum_partial) test::finish_checksum(packet);
    return pass_one(std::move(packet), {}, now, arrivals);
  }
  std::string_view remark;
  for (test::Packet& piece : cut(packet, offload, next_id_)) {
    const std::string_view fate = pass_one(std::move(piece), {}, now, arrivals);
    if (!fate.empty()) remark = fate;
  }
  return remark;
}

std::string_view Cable::pass_one(test::Packet packet, Offload offload, Instant now, std::vector<Arrival>& arrivals) {
  if (conditions.down) return "cable down";
  if (loses()) return "lost";
  if (queue_is_full(now)) return "queue full";
  const bool too_big = packet.size() > conditions.mtu && offload.gso_size == 0;
  if (too_big && !conditions.cuts_despite_df && wire::parse_ipv4(packet)->header.dont_fragment) {
    if (!conditions.reports_too_big) return "too big, silently";
    arrivals.push_back({now + conditions.delay,
                        test::icmp_error(router, wire::IcmpType::destination_unreachable,
                                         static_cast<std::uint8_t>(wire::UnreachableCode::fragmentation_needed),
                                         static_cast<std::uint32_t>(conditions.mtu), packet),
                        {},
                        true});
    return "too big";
  }
  if (draw_.chance(conditions.duplicate)) travel(packet, offload, now, arrivals);
  const std::string_view remark = spoil(packet, offload);
  travel(std::move(packet), offload, now, arrivals);
  return remark;
}

bool Cable::loses() {
  const bool lost = draw_.chance(conditions.loss);
  if (conditions.burst_loss.to_bad <= 0) return lost;
  if (draw_.chance(bad_ ? conditions.burst_loss.to_good : conditions.burst_loss.to_bad)) bad_ = !bad_;
  return lost || (bad_ && draw_.chance(conditions.burst_loss.in_bad));
}

bool Cable::queue_is_full(Instant now) const {
  if (conditions.queue == 0) return false;
  const auto first = std::ranges::upper_bound(departures_, now);
  return static_cast<std::size_t>(departures_.end() - first) >= conditions.queue;
}

Instant Cable::departure(std::size_t size, Instant now) {
  while (!departures_.empty() && departures_.front() <= now) departures_.pop_front();
  if (conditions.rate == 0) return now;
  line_free_ = std::max(line_free_, now) + std::chrono::nanoseconds{size * 8 * 1'000'000'000 / conditions.rate};
  return departures_.emplace_back(line_free_);
}

std::string_view Cable::spoil(test::Packet& packet, Offload& offload) {
  if (draw_.chance(conditions.congestion_mark)) mark_congestion(packet);
  if (!draw_.chance(conditions.corrupt)) return {};
  if (offload.checksum_partial) test::finish_checksum(packet);
  offload = {};
  const std::uint64_t bit = draw_.below(packet.size() * 8);
  packet[bit / 8] ^= std::byte{1} << (bit % 8);
  return "corrupted";
}

void Cable::travel(test::Packet packet, Offload offload, Instant now, std::vector<Arrival>& arrivals) {
  Instant at = departure(packet.size(), now) + conditions.delay;
  if (draw_.chance(conditions.reorder)) at += draw_.between(Duration{}, conditions.reorder_delay);
  if (at - now > conditions.lifetime) return;
  if (draw_.chance(conditions.late_copy)) {
    arrive(draw_.between(at - now, conditions.lifetime) + now, packet, offload, arrivals);
  }
  arrive(at, std::move(packet), offload, arrivals);
}

void Cable::arrive(Instant at, test::Packet packet, Offload offload, std::vector<Arrival>& arrivals) {
  if (packet.size() <= conditions.mtu || offload.gso_size != 0) {
    arrivals.push_back({at, std::move(packet), offload});
    return;
  }
  if (offload.checksum_partial) test::finish_checksum(packet);
  for (test::Packet& fragment : test::fragments(packet, conditions.mtu)) {
    const Duration held_back = draw_.chance(conditions.reorder) ? conditions.reorder_delay : Duration{};
    if (!draw_.chance(conditions.loss)) arrivals.push_back({at + held_back, std::move(fragment), {}});
  }
}

}  // namespace backstop::simulation
