// The fallback manager: asks the registered handlers about every flow that no listener claims, before SYN,ACK, and
// carries out what they decide. It watches the stack by a tap that lives only while a handler is registered; without
// one, the stack's plain RST is back.
//
//   FallbackManager fallback(stack, executor);
//   FallbackHandle handle = fallback.register_handler([](const Endpoint& source, const Endpoint& destination) {
//     return destination.port == 7 ? FallbackDecision::accept(echo) : FallbackDecision::decline();
//   });
//
// It drives nothing itself: executor.run(now) drives it, at packets and at executor.next_deadline().
// Read next: decision.hpp and consultation.hpp, what handlers see and say; README.md, what it promises.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <memory_resource>
#include <optional>
#include <utility>
#include <vector>

#include "fallback/consultation.hpp"
#include "fallback/flow_event.hpp"
#include "fallback/flow_log.hpp"
#include "fallback/flow_places.hpp"
#include "fallback/handle.hpp"
#include "fallback/keyed_hash.hpp"
#include "fallback/limits.hpp"
#include "fallback/recency_table.hpp"
#include "fallback/registry.hpp"
#include "stack/coroutine.hpp"
#include "stack/flow_table.hpp"
#include "stack/stack.hpp"
#include "stack/timer_wheel.hpp"

namespace backstop {

struct FallbackOptions {
  std::uint32_t max_handlers = 64;
  /// Flows that may be in flight at a time, whatever the limits say: it is what memory is taken for.
  std::uint32_t max_flows = 4096;
  Limit limit{};       ///< of all flows in flight
  Limit per_source{};  ///< of one source address
  /// How long an accepted flow may take for its handshake. Why: SYN,ACK is sent at 0, 1, 3 and 7 s, and whoever has not
  /// answered then seldom will.
  Duration half_open_timeout = std::chrono::seconds{10};
  /// Flows in their handshake or waiting for an answer, from which on an accepted flow is answered with a SYN cookie
  /// (RFC 4987) and forgotten. When its peer brings the cookie back, the handlers are asked again, SynInfo::cookie says
  /// so, and whoever is accepted then is established at once. By then every refusal is RST, and it is too late to
  /// defer.
  std::uint32_t cookies_from = 1024;
  /// Flows refused lately, whose retransmitted SYNs get the same verdict and ask nobody.
  std::uint32_t max_verdicts = 4096;
  /// Why: a Linux client sends its last SYN 63 s after the first.
  Duration verdict_lifetime = std::chrono::seconds{64};
  std::uint32_t max_ports = 1024;  ///< per-port records
  /// Called on any thread, also on several at a time: the loop should turn, since executor.next_deadline() has changed.
  std::move_only_function<void()> wake{};
};

/// One flow that the manager holds now.
struct FlowSnapshot {
  std::uint64_t flow = 0;
  detail::Flow::Phase phase = detail::Flow::Phase::pending;
  SynInfo syn;  ///< the latest; `arrived` is the first one's
  HandlerId handler;
  std::uint32_t attempts = 1;  ///< SYNs seen
};

/// Handlers may be registered and taken away, and tokens answered, on any thread; all else happens on the one thread
/// that drives the stack. Stack and executor must outlive it; its handles, tokens and connections may live on.
/// All memory is taken in the constructor: from `memory`, and what handles and tokens share from the heap, as they may
/// outlive everything else and die on any thread. Registering a handler takes some of the heap too; flows take nothing.
class FallbackManager : private Executor::Observer {
 public:
  FallbackManager(Stack& stack, Executor& executor, FallbackOptions options = {},
                  std::pmr::memory_resource& memory = *std::pmr::get_default_resource());
  /// Flows that are not established get RST; connections stay.
  ~FallbackManager();
  FallbackManager(const FallbackManager&) = delete;
  FallbackManager& operator=(const FallbackManager&) = delete;

  /// Registers a function of one of these forms. It returns a FallbackDecision, or the pair (handler?, intercept):
  ///   (const Endpoint& source, const Endpoint& destination)
  ///   (const SynInfo& syn)
  ///   (Consultation& consultation)      for decisions that come later
  /// No lock is held while it is called: it may register and take away handlers, itself too, listen and connect. It
  /// must not bring packets to the stack. What it throws refuses that one flow. Any thread; the handle is empty when
  /// there are max_handlers already, or when the stack has no tap left.
  template <class Handler>
  [[nodiscard]] FallbackHandle register_handler(Handler handler, HandlerOptions options = {}) {
    if constexpr (std::invocable<Handler&, Consultation&>) {
      return add([handler = std::move(handler)](
                     Consultation& about) mutable -> FallbackDecision { return std::invoke(handler, about); },
                 options);
    } else if constexpr (std::invocable<Handler&, const SynInfo&>) {
      return add([handler = std::move(handler)](
                     Consultation& about) mutable -> FallbackDecision { return std::invoke(handler, about.syn()); },
                 options);
    } else {
      static_assert(std::invocable<Handler&, const Endpoint&, const Endpoint&>,
                    "a fallback handler takes (source, destination), (const SynInfo&) or (Consultation&)");
      return add(
          [handler = std::move(handler)](Consultation& about) mutable -> FallbackDecision {
            return std::invoke(handler, about.source(), about.destination());
          },
          options);
    }
  }

  /// Acts on answers, deadlines and changes of the registry. executor.run() calls it.
  void poll(Instant now);
  /// When poll() has something to do. executor.next_deadline() heeds it.
  std::optional<Instant> next_deadline() override;

  /// Resets the connections of a handler, which may have left, that are still there at `deadline`; `immediately`: now.
  void end_connections(HandlerId handler, Instant deadline);

  /// Called at each step of each flow. It may look at everything and change nothing, and must not throw.
  void on_flow_event(std::move_only_function<void(const FlowEvent&)> observer) {
    log_.on_flow_event = std::move(observer);
  }
  /// Called for each flow that all handlers declined. The same rules.
  void on_unclaimed(std::move_only_function<void(const SynInfo&)> observer) { on_unclaimed_ = std::move(observer); }

  [[nodiscard]] const FallbackCounters& counters() const { return log_.counters; }
  [[nodiscard]] const FallbackGauges& gauges() const { return log_.gauges; }
  /// Of a handler that is registered, or was until its place was used again; nothing when it has not been asked yet.
  [[nodiscard]] const HandlerCounters* counters(HandlerId handler) const { return log_.of(handler); }
  [[nodiscard]] std::uint32_t in_flight(HandlerId handler) const { return places_.in_flight(handler); }
  /// Whether the handler may be asked. Any thread.
  [[nodiscard]] bool registered(HandlerId handler) const;
  /// Whether it watches the stack now: not without handlers.
  [[nodiscard]] bool observing() const { return tap_.attached(); }
  /// Calls `visit(const FlowSnapshot&)` for every flow in flight.
  template <class Visit>
  void for_each_flow(Visit&& visit) const {
    for (std::uint32_t index = 0; index < places_.size(); ++index) {
      if (places_[index].phase != Phase::free) visit(snapshot(places_[index]));
    }
  }
  /// Calls `visit(std::uint16_t port, const PortRecord&)`, the port asked for last first.
  template <class Visit>
  void for_each_port(Visit&& visit) const {
    log_.ports().for_each(visit);
  }

 private:
  friend class Consultation;
  friend class FallbackHandle;
  using Flow = detail::Flow;
  using Phase = Flow::Phase;
  static constexpr std::uint32_t none = detail::FlowPlaces::none;
  class Served;

  // A flow on its way to a verdict.
  struct Newcomer {
    SynInfo syn;
    std::uint64_t number;
    std::uint32_t attempts;
    bool is_new = true;  // and not handed over by one handler to the next
  };

  // What a handler made of a flow.
  struct Word {
    HandlerId handler;  // none: all declined
    FallbackDecision decision{};
    bool threw = false;
  };

  // Of a flow that got no SYN,ACK lately.
  struct RecentVerdict {
    Refusal refusal;
    bool repeatable = false;  // else the next SYN is asked about again
    std::uint8_t attempts = 0;
    std::uint64_t registry_version = 0;
    Instant until{};
  };

  // Registration.
  FallbackHandle add(detail::Registry::Callback callback, const HandlerOptions& options);
  static void registry_changed(detail::FallbackShared& shared);
  void driven_at(Instant now);
  void synchronize_tap();

  // What the stack shows.
  void on_run(Instant now) override { poll(now); }
  void on_event(const Event& event, Instant now) override;
  void on_reset(const FourTuple& tuple, SeqNum seq);
  void on_syn(const SynInfo& syn);
  bool absorb(const SynInfo& syn);
  bool repeat(const SynInfo& syn, std::uint32_t& attempts);

  // Deciding.
  void decide(const Newcomer& flow, detail::Registry::Cursor cursor);
  Word ask_all(Consultation& consultation, detail::Registry::Cursor cursor);
  Word ask(const detail::Registry::Turn& turn, Consultation& consultation);
  DeferToken defer(Consultation& consultation, DeferOptions options);
  void withdraw(Consultation& consultation);
  void conclude(const Newcomer& flow, Consultation& consultation, Word word);
  void hold(const Newcomer& newcomer, std::uint32_t index);
  void accept(const Newcomer& newcomer, const Consultation& consultation, ConnectionHandler handler);
  [[nodiscard]] bool wants_cookie(const SynInfo& syn) const;
  void send_cookie(const Newcomer& newcomer, const Consultation& consultation);
  void refuse(const Newcomer& flow, HandlerId handler, Verdict verdict, Refusal refusal);
  void refuse_over_limit(const Newcomer& flow, HandlerId handler, OverLimit policy);
  static Verdict verdict_of(Refusal refusal);
  void give(const SynInfo& syn, Refusal refusal);
  void remember(const SynInfo& syn, std::uint32_t attempts, Verdict verdict, Refusal refusal);

  // Flows in flight: pending, half-open, served.
  static detail::Claim claim_of(const Consultation& consultation);
  std::expected<std::uint32_t, OverLimit> claim(const Consultation& consultation);
  void shed(std::uint32_t index);
  [[nodiscard]] std::uint32_t find_pending(const FourTuple& tuple);
  void take_answers();
  void carry_out(std::uint32_t index, FallbackDecision decision);
  void hand_over_orphans();
  void hand_over(std::uint32_t index);
  void leave_pending(std::uint32_t index);
  void end_pending(std::uint32_t index, Verdict verdict, Refusal refusal);
  std::expected<void, Error> open(std::uint32_t index, ConnectionHandler handler);
  void leave_half_open(std::uint32_t index);
  void fail(std::uint32_t index, Cause cause);
  void serve(std::uint32_t index);
  static Task run_handler(Executor& executor, Served flow);
  void finish(std::uint32_t index, Cause cause);
  void deadline_passed(std::uint32_t index);
  void release(std::uint32_t index);
  void end_all();

  void emit(Step step, const Flow& flow, Cause cause = Cause::none);
  static FlowSnapshot snapshot(const Flow& flow);

  Stack& stack_;
  Executor& executor_;
  FallbackOptions options_;
  std::shared_ptr<detail::FallbackShared> shared_;
  Instant now_{};
  std::uint64_t last_flow_ = 0;
  std::uint64_t registry_version_ = 0;  // that pending flows were last held against
  bool deciding_ = false;

  detail::FlowPlaces places_;
  FlowTable pending_;                                    // by tuple
  TimerWheel deadlines_;                                 // by place
  std::pmr::vector<detail::Accepted> accepted_;          // by place, while half-open
  std::pmr::vector<std::uint32_t> place_of_connection_;  // by the stack's slot, while half-open
  detail::RecencyTable<detail::FlowKey, RecentVerdict, detail::KeyedHash> recent_;
  detail::FlowLog log_;
  std::move_only_function<void(const SynInfo&)> on_unclaimed_;
  Tap tap_;
};

}  // namespace backstop
