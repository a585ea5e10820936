#include "stack/tcp/isn.hpp"

namespace backstop::tcp {
namespace {

using Tick = std::chrono::duration<std::int64_t, std::ratio<4, 1'000'000>>;

}  // namespace

[[gnu::noinline]] FirstNumbers first_numbers(const SipKey& secret, const FourTuple& tuple, Instant now) {
  SipHash24 hash{secret};
  hash.add((std::uint64_t{tuple.local.address.value} << 32) | tuple.remote.address.value);
  const std::uint64_t both = hash.finish((std::uint64_t{tuple.local.port} << 16) | tuple.remote.port, 8 + 2 + 2);
  // Rounded down, so that the clock ticks evenly through an epoch in the future too.
  const Tick clock = std::chrono::floor<Tick>(now.time_since_epoch());
  return {.isn = SeqNum{static_cast<std::uint32_t>(both)} + static_cast<std::uint32_t>(clock.count()),
          .timestamp_offset = static_cast<std::uint32_t>(both >> 32)};
}

}  // namespace backstop::tcp
