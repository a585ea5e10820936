#include "tools/serve/serving.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "tools/serve/handlers.hpp"
#include "tools/serve/relay.hpp"

namespace backstop::tools {
namespace {

// Why: a dial that takes longer has lost its client; those of today retry a SYN at 1, 3 and 7 s.
constexpr Duration dial_patience = std::chrono::seconds{10};

FallbackDecision decision_of(PlainAction action) {
  switch (action) {
    case PlainAction::decline:
      return FallbackDecision::decline();
    case PlainAction::reject:
      return FallbackDecision::reject();
    case PlainAction::drop:
      return FallbackDecision::drop();
  }
  return FallbackDecision::decline();
}

/// What the client hears when its upstream cannot be reached: the same, as far as TCP and ICMP can say it.
Refusal refusal_for(int error) {
  const auto unreachable = [](wire::UnreachableCode code) { return Refusal{Refusal::Kind::unreachable, code}; };
  switch (error) {
    case ENETUNREACH:
      return unreachable(wire::UnreachableCode::net);
    case EHOSTUNREACH:
    case ETIMEDOUT:
      return unreachable(wire::UnreachableCode::host);
    case EACCES:
    case EPERM:
      return unreachable(wire::UnreachableCode::admin_prohibited);
    default:
      return Refusal{};
  }
}

FallbackOptions fallback_options(const ServeOptions& options, const Stack& stack) {
  FallbackOptions result;
  result.max_handlers = static_cast<std::uint32_t>(options.fallbacks.size());
  result.max_flows = stack.config().max_connections;
  return result;
}

}  // namespace

Serving::Serving(const ServeOptions& options, Stack& stack, tun::EventLoop& loop, Journal& journal)
    : loop_(loop), journal_(journal), executor_(stack), fallback_(stack, executor_, fallback_options(options, stack)) {
  listeners_.reserve(options.listeners.size());  // Tasks refer to them.
  for (const ListenRule& rule : options.listeners) listen(stack, rule);
  for (const FallbackRule& rule : options.fallbacks) rules_.push_back({rule.text, register_rule(rule)});
  if (journal_.wants_steps()) {
    fallback_.on_flow_event([this](const FlowEvent& event) { journal_.fallback(event, rule_of(event.handler)); });
  }
  loop_.drive(executor_);
}

Serving::~Serving() { loop_.on_turn({}); }

void Serving::describe(Summary& summary) const {
  summary.listeners = listeners_;
  summary.fallback = fallback_.counters();
  for (const auto& [rule, handle] : rules_) {
    const HandlerCounters* counters = fallback_.counters(handle.id());
    summary.rules.push_back({rule, counters != nullptr ? *counters : HandlerCounters{}});
  }
}

// --- Listeners.

void Serving::listen(Stack& stack, const ListenRule& rule) {
  auto listener = stack.listen({{}, rule.port});
  if (!listener) {
    throw std::invalid_argument("--listen " + rule.text + ": " + std::string(to_string(listener.error())));
  }
  ListenerSummary& summary = listeners_.emplace_back(rule.text);
  executor_.spawn(accept_all(std::move(*listener), rule.handler, summary));
}

Task Serving::accept_all(Listener listener, Handler handler, ListenerSummary& summary) {
  while (auto stream = co_await accept(listener)) {
    ++summary.accepted;
    executor_.spawn(journal_.wants_steps() ? serve_and_tell(std::move(*stream), handler, summary.rule)
                                           : serve_connection(handler, std::move(*stream)));
  }
}

Task Serving::serve_and_tell(Stream stream, Handler handler, const std::string& rule) {
  const FourTuple tuple = stream.info().tuple;
  journal_.listener("accepted", rule, tuple);
  co_await serve_connection(handler, std::move(stream));
  journal_.listener("closed", rule, tuple);
}

// --- Fallback rules.

FallbackHandle Serving::register_rule(const FallbackRule& rule) {
  if (const auto* target = std::get_if<ProxyTarget>(&rule.action)) return register_proxy(rule, *target);
  if (const auto* handler = std::get_if<Handler>(&rule.action)) {
    return fallback_.register_handler([ports = rule.ports, handler = *handler](Consultation& about) {
      if (!ports.contains(about.destination().port)) return FallbackDecision::decline();
      return FallbackDecision::accept(
          [handler](Stream stream) { return serve_connection(handler, std::move(stream)); });
    });
  }
  const auto action = std::get<PlainAction>(rule.action);
  return fallback_.register_handler([ports = rule.ports, action](Consultation& about) {
    return ports.contains(about.destination().port) ? decision_of(action) : FallbackDecision::decline();
  });
}

FallbackHandle Serving::register_proxy(const FallbackRule& rule, const ProxyTarget& target) {
  return fallback_.register_handler(
      [this, ports = rule.ports, upstream = Upstream{rule.text, target}](Consultation& about) {
        return ports.contains(about.destination().port) ? dial_first(upstream, about) : FallbackDecision::decline();
      });
}

// The flow is held, and the client hears nothing, until the upstream has answered.
FallbackDecision Serving::dial_first(const Upstream& upstream, Consultation& about) {
  const std::uint64_t number = ++last_dial_;
  DeferToken token =
      about.defer({.timeout = dial_patience, .refusal = refusal_for(ETIMEDOUT), .on_cancel = [this, number] {
                     dials_.erase(number);
                   }});
  if (!token) return FallbackDecision::defer();
  const Endpoint target{upstream.target.address, upstream.target.port_for(about.destination().port)};
  auto done = [this, number, &upstream, tuple = about.syn().tuple,
               token = std::move(token)](Dial::Result result) mutable {
    dial_ended(number, upstream, tuple, std::move(token), std::move(result));
  };
  dials_.emplace(number, std::make_unique<Dial>(loop_, target, std::move(done)));
  return FallbackDecision::defer();
}

void Serving::dial_ended(std::uint64_t number, const Upstream& upstream, const FourTuple& tuple, DeferToken token,
                         Dial::Result result) {
  dials_.erase(number);
  if (!result) {
    journal_.dial_failed(upstream.rule, tuple, result.error());
    std::ignore = token.answer(refusal_for(result.error()));
    return;
  }
  std::ignore = token.accept([&loop = loop_, socket = std::move(*result)](Stream stream) mutable {
    return relay(std::move(stream), loop, std::move(socket));
  });
}

std::string_view Serving::rule_of(HandlerId handler) const {
  const auto found = std::ranges::find(rules_, handler, [](const RuleHandle& rule) { return rule.handle.id(); });
  return found == rules_.end() ? std::string_view{} : found->rule;
}

}  // namespace backstop::tools
