// The fallback manager under a sequence of packets, answers, registrations and time. Handlers decide as the input says.
// At every step the outcomes add up to the SYNs seen, and in the end nothing is in flight.
#include <array>
#include <deque>
#include <stdexcept>

#include "fallback/manager.hpp"
#include "tests/fuzz/live_stack.hpp"
#include "tests/fuzz/target.hpp"

namespace backstop::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr Ipv4Address ours = Ipv4Address::of(10, 0, 0, 2);
constexpr std::size_t most_handlers = 4;

Config draw_config(Input& input) {
  Config config;
  config.address = ours;
  config.prefix = 24;
  config.any_ip = input.coin();
  config.max_connections = 1 + input.below(6);
  config.max_listeners = 2;
  config.max_taps = 2;
  config.blocks = 16;
  config.block_size = 512;
  config.reply_queue = 8;
  config.max_reassemblies = 1;
  config.coroutine_memory = 1024u * (4 + input.below(32));
  return config;
}

Limit draw_limit(Input& input) {
  const std::uint8_t octet = input.octet();
  if ((octet & 3) == 0) return {};
  return {octet / 4u % 4u, OverLimit{static_cast<std::uint8_t>((octet & 3) - 1)}};
}

FallbackOptions draw_options(Input& input) {
  FallbackOptions options;
  options.max_handlers = most_handlers;
  options.max_flows = 1 + input.below(8);
  options.limit = draw_limit(input);
  options.per_source = draw_limit(input);
  options.max_verdicts = 1 + input.below(4);
  options.max_ports = 1 + input.below(4);
  return options;
}

Task echo(Stream stream) {
  std::array<std::byte, 64> buffer;
  while (const auto size = co_await read(stream, buffer)) {
    if (*size == 0 || !co_await write(stream, Bytes{buffer}.first(*size))) break;
  }
}

Task leave(Stream) { co_return; }

Task lose_temper(Stream stream) {
  std::array<std::byte, 4> buffer;
  (void)co_await read(stream, buffer);
  throw std::runtime_error("a connection handler fails");
}

ConnectionHandler draw_handler(std::uint8_t choice) {
  if (choice % 3 == 0) return echo;
  if (choice % 3 == 1) return leave;
  return lose_temper;
}

class Play {
 public:
  explicit Play(Bytes octets)
      : input_(octets),
        live_(draw_config(input_), LiveStack::Events::left),
        executor_(live_.stack()),
        manager_(live_.stack(), executor_, draw_options(input_)) {}

  void run() {
    for (int steps = 0; !input_.empty() && steps < 400; ++steps) {
      step();
      settle();
      check_counters();
    }
    tokens_.clear();
    handles_.clear();
    listener_.reset();
    for (std::uint32_t slot = 0; slot < live_.stack().config().max_connections; ++slot) {
      if (const auto snapshot = live_.stack().connection_at(slot)) live_.stack().abort(snapshot->id);
    }
    settle();
    advance(5min);
    check_counters();
    require(manager_.gauges().in_flight() == 0, "a flow is left in flight");
    require(executor_.tasks() == 0, "a task is left");
    live_.finish();
  }

 private:
  void step() {
    const std::uint8_t what = input_.octet();
    const FourTuple tuple = draw_tuple(what);
    switch (what % 16) {
      case 0:
        return register_handler();
      case 1:
        if (!handles_.empty()) handles_.erase(handles_.begin() + input_.octet() % static_cast<int>(handles_.size()));
        return;
      case 2:
        return answer();
      case 3:
        return advance(1ms * input_.number16());
      case 4:
        return advance(1us * (1u << input_.below(30)));
      case 5:
        if (const auto listener = live_.stack().listen({{}, 7}, {.backlog = 2}); !listener)
          listener_.reset();
        else
          listener_ = Listener{};
        return;
      case 6:
        return live_.deliver_badly(input_, live_.draw_segment(input_, tuple));
      case 7:
        return live_.deliver_icmp_error(input_);
      case 8:
        return manager_.end_connections(handles_.empty() ? HandlerId{} : handles_.front().id(), live_.now() + 1s);
      case 9:
      case 10:
        return live_.deliver(live_.segment(tuple, wire::Flag::ack, live_.known(tuple).ack, live_.known(tuple).nxt));
      case 11:
      case 12:
      case 13:
        return live_.deliver(live_.segment(tuple, wire::Flag::syn, SeqNum{input_.octet()}, {}, input_.below(3)));
      default:
        return live_.deliver(live_.draw_segment(input_, tuple));
    }
  }

  FourTuple draw_tuple(std::uint8_t what) {
    const std::uint8_t octet = input_.octet();
    const Ipv4Address source = Ipv4Address::of(10, 0, 0, static_cast<std::uint8_t>(10 + octet % 3));
    return {{ours, static_cast<std::uint16_t>(7 + octet / 4 % 3)},
            {source, static_cast<std::uint16_t>(40'000 + (what / 16) % 8)}};
  }

  void register_handler() {
    const HandlerOptions options{
        .priority = static_cast<int>(input_.below(3)), .limit = draw_limit(input_), .per_source = draw_limit(input_)};
    FallbackHandle handle = manager_.register_handler([this](Consultation& about) { return decide(about); }, options);
    if (handle) handles_.push_back(std::move(handle));
  }

  FallbackDecision decide(Consultation& about) {
    const std::uint8_t choice = input_.octet();
    switch (choice % 9) {
      case 0:
        return FallbackDecision::decline();
      case 1:
        return FallbackDecision::reject();
      case 2:
        return FallbackDecision::drop();
      case 3:
        return FallbackDecision::unreachable(wire::UnreachableCode{static_cast<std::uint8_t>(choice / 16)});
      case 4:
        throw std::runtime_error("a handler fails");
      case 5:
        if (choice > 128) register_handler();
        if (choice > 200 && !handles_.empty()) handles_.pop_front();
        return FallbackDecision::accept(draw_handler(choice));
      case 6:
      case 7:
        tokens_.push_back(about.defer({.timeout = 1ms * (1 << choice / 16)}));
        return FallbackDecision::defer();
      default:
        return FallbackDecision::accept(draw_handler(choice));
    }
  }

  void answer() {
    if (tokens_.empty()) return;
    const std::uint8_t how = input_.octet();
    DeferToken& token = tokens_[how / 8 % tokens_.size()];
    if (how % 8 == 0) (void)token.reject();
    if (how % 8 == 1) (void)token.drop();
    if (how % 8 == 2) (void)token.unreachable(wire::UnreachableCode::host);
    if (how % 8 == 3) (void)token.decline();
    if (how % 8 == 4) tokens_.pop_front();
    if (how % 8 > 4) (void)token.accept(draw_handler(how));
  }

  // The loop of whoever embeds it: tasks, then packets, until neither has anything to do.
  void settle() {
    for (int turns = 0; turns < 100; ++turns) {
      executor_.run(live_.now());
      live_.drain();
      if (!due()) return;
    }
    fail("the manager never comes to rest");
  }

  bool due() {
    const auto next = executor_.next_deadline();
    return next && *next <= live_.now();
  }

  void advance(Duration duration) {
    const Instant until = live_.now() + duration;
    for (;;) {
      auto next = executor_.next_deadline();
      if (const auto stack = live_.stack().next_deadline(); stack && (!next || *stack < *next)) next = stack;
      if (!next || *next > until) break;
      live_.set_time(*next);
      live_.drain();
      settle();
    }
    live_.set_time(until);
    settle();
  }

  void check_counters() {
    const FallbackCounters& counters = manager_.counters();
    std::uint64_t outcomes = counters.absorbed + counters.repeated + manager_.gauges().pending;
    for (const std::uint64_t verdicts : counters.verdicts) outcomes += verdicts;
    require(outcomes == counters.syns, "the outcomes do not add up to the SYNs seen");
    require(manager_.gauges().in_flight() <= 8, "more flows in flight than there is room for");
  }

  Input input_;
  LiveStack live_;
  Executor executor_;
  FallbackManager manager_;
  Listener listener_;
  std::deque<FallbackHandle> handles_;
  std::deque<DeferToken> tokens_;
};

void run(Bytes octets) { Play{octets}.run(); }

}  // namespace
}  // namespace backstop::fuzz

BACKSTOP_FUZZ_TARGET("fallback", backstop::fuzz::run);
