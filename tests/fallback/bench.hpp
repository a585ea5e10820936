// A stack with a fallback manager, a scripted peer, and virtual time that also reaches the manager's deadlines.
// The peer asks for port 7, on which nobody listens; port 80 has the scenario's listener.
//
//   Bench b;
//   const auto handle = b.fallback.register_handler(accepting(calls));
//   b.syn();
//   b.t.expect("S. 0:0(0) ack 1");
//
// The manager's memory is sealed after its constructor: whatever allocates from it later fails the test.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "fallback/manager.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {

inline constexpr std::uint16_t unclaimed_port = 7;

struct Bench {
  explicit Bench(FallbackOptions options = {}, const Scenario::Change& change = {})
      : t([&](Config& config) {
          config.coroutine_memory = 256 * 1024;
          if (change) change(config);
        }),
        executor(t.stack()),
        fallback(t.stack(), executor, std::move(options), memory) {
    memory.seal();
    t.between(unclaimed_port, 40'000);
  }

  /// What a loop does after packets have come.
  void run() { executor.run(t.now()); }
  /// Time moves on, through the deadlines of stack and manager.
  void advance(Duration duration) {
    const Instant until = t.now() + duration;
    run();
    for (auto next = executor.next_deadline(); next && *next <= until; next = executor.next_deadline()) {
      if (*next > t.now()) t.advance(*next - t.now());
      run();
    }
    t.advance(until - t.now());
    run();
  }

  void syn() { t.inject("S 0:0(0) win 65535 <mss 1460>"); }
  /// The peer's three-way handshake with whoever claims the flow.
  void establish() {
    syn();
    t.expect("S. 0:0(0) ack 1");
    t.inject(". 1:1(0) ack 1");
    run();
  }
  /// RST,ACK for a SYN without text: sequence number 0, acknowledging the SYN.
  void expect_reset(std::source_location where = std::source_location::current()) {
    const wire::Segment& segment = t.expect("R. ack 1", where);
    if (segment.seq.value() != 0) t.fail("RST,ACK to a SYN has sequence number 0", where);
  }
  [[nodiscard]] bool idle() const { return fallback.gauges().in_flight() == 0; }

  SealedMemory memory;
  Scenario t;
  Executor executor;
  FallbackManager fallback;
};

/// What a handler was asked.
struct Calls {
  std::vector<SynInfo> asked;
  [[nodiscard]] std::size_t count() const { return asked.size(); }
};

inline Task echo_text(Stream stream) {
  std::array<std::byte, 2048> buffer;
  while (const auto size = co_await read(stream, buffer)) {
    if (*size == 0 || !co_await write(stream, Bytes{buffer}.first(*size))) break;
  }
}

inline auto declining(Calls& calls) {
  return [&calls](const SynInfo& syn) {
    calls.asked.push_back(syn);
    return FallbackDecision::decline();
  };
}
inline auto accepting(Calls& calls) {
  return [&calls](const SynInfo& syn) {
    calls.asked.push_back(syn);
    return FallbackDecision::accept(echo_text);
  };
}
inline auto refusing(Calls& calls, Refusal refusal = {}) {
  return [&calls, refusal](const SynInfo& syn) -> FallbackDecision {
    calls.asked.push_back(syn);
    return refusal;
  };
}

}  // namespace backstop::test
