#include "stack/tcp/syn_cookie.hpp"

#include <algorithm>
#include <array>

#include "stack/tcp/siphash.hpp"

namespace backstop::tcp {
namespace {

// What paths offer: nothing but options (the least that is believed), no offer at all (MUST-15), and Ethernet less one
// tunnel or another: an MTU of 1280, WireGuard, 6in4, PPPoE, none; and jumbo frames.
constexpr std::array<std::uint16_t, 8> sizes{48, 536, 1240, 1380, 1440, 1452, 1460, 8960};

constexpr std::uint32_t hash_bits = 28;
constexpr std::uint32_t hash_mask = (1u << hash_bits) - 1;

constexpr std::uint32_t scale_mask = 0xf;
constexpr std::uint8_t no_scale = 15;
constexpr std::uint32_t sack_bit = 1u << 4;
constexpr std::uint32_t ecn_bit = 1u << 5;
constexpr std::uint32_t options_mask = 0x3f;

std::uint32_t period_at(Instant now) {
  using Periods = std::chrono::duration<std::int64_t, std::ratio<cookie_period.count()>>;
  return static_cast<std::uint32_t>(std::chrono::floor<Periods>(now.time_since_epoch()).count());
}

bool offers_ecn(const wire::Segment& syn) { return syn.flags.has(wire::Flag::ece) && syn.flags.has(wire::Flag::cwr); }

std::uint32_t size_index(std::uint16_t mss) {
  const auto above = std::ranges::upper_bound(sizes, mss);
  return above == sizes.begin() ? 0 : static_cast<std::uint32_t>(above - sizes.begin() - 1);
}

std::uint32_t options_of(const wire::Segment& syn) {
  return std::uint32_t{syn.options.window_scale.value_or(no_scale)} | (syn.options.sack_permitted ? sack_bit : 0) |
         (offers_ecn(syn) ? ecn_bit : 0);
}

// Whom a cookie is for, and what makes it impossible to guess.
struct Key {
  const Secret& secret;
  const FourTuple& tuple;
  std::uint32_t receive_buffer;
};

// The same for a SYN and for what it was read back as.
std::uint32_t hash_of(const Key& key, const wire::Segment& syn, std::uint32_t period) {
  const FourTuple& tuple = key.tuple;
  SipHash24 hash{SipKey{key.secret}};
  hash.add((std::uint64_t{tuple.local.address.value} << 32) | tuple.remote.address.value);
  hash.add((std::uint64_t{tuple.local.port} << 48) | (std::uint64_t{tuple.remote.port} << 32) | syn.seq.value());
  hash.add((std::uint64_t{period} << 32) | key.receive_buffer);
  hash.add((std::uint64_t{*syn.options.mss} << 16) | (syn.options.timestamps ? 0x100u : 0u) | options_of(syn));
  return static_cast<std::uint32_t>(hash.finish(0, 4 * sizeof(std::uint64_t))) & hash_mask;
}

SeqNum cookie(const Key& key, const wire::Segment& syn, std::uint32_t period) {
  return SeqNum{(period & 1) << 31 | size_index(*syn.options.mss) << hash_bits | hash_of(key, syn, period)};
}

// What the SYN must have been if the acknowledgment is honest.
wire::Segment read_back(const wire::Segment& ack, SeqNum cookie) {
  wire::Segment syn{.source_port = ack.source_port,
                    .destination_port = ack.destination_port,
                    .seq = ack.seq - 1,
                    .flags = wire::Flag::syn};
  syn.options.mss = sizes[cookie.value() >> hash_bits & 7];
  if (!ack.options.timestamps) return syn;
  const std::uint32_t options = ack.options.timestamps->echo;
  syn.options.timestamps = wire::Timestamps{ack.options.timestamps->value, 0};
  syn.options.sack_permitted = (options & sack_bit) != 0;
  const auto scale = static_cast<std::uint8_t>(options & scale_mask);
  if (scale != no_scale) syn.options.window_scale = scale;
  if ((options & ecn_bit) != 0) syn.flags = syn.flags | wire::Flag::ece | wire::Flag::cwr;
  return syn;
}

}  // namespace

wire::Segment abridge(const wire::Segment& syn) {
  wire::Segment kept = syn;
  kept.text = {};
  kept.flags.clear(wire::Flag::fin);
  // 0 and nothing at all are both no offer (MUST-15).
  kept.options.mss = sizes[size_index(syn.options.mss.value_or(0) == 0 ? 536 : *syn.options.mss)];
  if (kept.options.window_scale)
    kept.options.window_scale = std::min(*kept.options.window_scale, wire::largest_window_scale);
  if (kept.options.timestamps) return kept;
  kept.flags = wire::Flag::syn;
  kept.options = {.mss = kept.options.mss, .window_scale = {}, .timestamps = {}, .sack = {}};
  return kept;
}

// Deviation: RFC 9293 section 3.4.1 wants an ISN that grows with a clock; this one only cannot be guessed. An old
// duplicate of the connection before is told apart by its timestamp, or not at all.
SeqNum cookie_isn(const Secret& secret, const FourTuple& tuple, std::uint32_t receive_buffer, const wire::Segment& syn,
                  Instant now) {
  return cookie({secret, tuple, receive_buffer}, syn, period_at(now));
}

// Never ahead of the clock, so that later timestamps do not run back.
std::uint32_t cookie_timestamp(const wire::Segment& syn, std::uint32_t tsval) {
  const std::uint32_t value = (tsval & ~options_mask) | options_of(syn);
  return (value & options_mask) > (tsval & options_mask) ? value - (options_mask + 1) : value;
}

std::optional<wire::Segment> syn_of_cookie(const Secret& secret, const FourTuple& tuple, std::uint32_t receive_buffer,
                                           const wire::Segment& ack, Instant now) {
  const SeqNum isn = ack.ack - 1;
  const std::uint32_t period = period_at(now);
  const bool from_this_period = (isn.value() >> 31) == (period & 1);
  wire::Segment syn = read_back(ack, isn);
  if (cookie({secret, tuple, receive_buffer}, syn, from_this_period ? period : period - 1) != isn) return std::nullopt;
  return syn;
}

}  // namespace backstop::tcp
