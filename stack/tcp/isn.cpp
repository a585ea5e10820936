#include "stack/tcp/isn.hpp"

#include "stack/tcp/siphash.hpp"

namespace backstop::tcp {
namespace {

using Tick = std::chrono::duration<std::int64_t, std::ratio<4, 1'000'000>>;

// Why: one secret serves both; the label keeps the ISN, which everybody sees, from telling the other.
enum class Label : std::uint8_t { initial_sequence_number = 1, timestamp_offset = 2 };

std::uint32_t keyed_number(const Secret& secret, const FourTuple& tuple, Label label) {
  SipHash24 hash{SipKey{secret}};
  hash.add((std::uint64_t{tuple.local.address.value} << 32) | tuple.remote.address.value);
  constexpr std::size_t size = 8 + 2 + 2 + 1;
  return static_cast<std::uint32_t>(hash.finish((std::uint64_t{tuple.local.port} << 24) |
                                                    (std::uint64_t{tuple.remote.port} << 8) |
                                                    static_cast<std::uint8_t>(label),
                                                size));
}

}  // namespace

SeqNum initial_sequence_number(const Secret& secret, const FourTuple& tuple, Instant now) {
  // Rounded down, so that the clock ticks evenly through an epoch in the future too.
  const Tick clock = std::chrono::floor<Tick>(now.time_since_epoch());
  return SeqNum{keyed_number(secret, tuple, Label::initial_sequence_number)} +
         static_cast<std::uint32_t>(clock.count());
}

std::uint32_t timestamp_offset(const Secret& secret, const FourTuple& tuple) {
  return keyed_number(secret, tuple, Label::timestamp_offset);
}

}  // namespace backstop::tcp
