#include "tools/serve/serving.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "tools/serve/handlers.hpp"
#include "tools/serve/relay.hpp"
#include "tools/serve/visitor.hpp"

namespace backstop::tools {
namespace {

// Why: a dial that takes longer has lost its client; those of today retry a SYN at 1, 3 and 7 s.
constexpr Duration dial_patience = std::chrono::seconds{10};

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
  result.max_handlers = static_cast<std::uint32_t>(options.rules.fallbacks.size());
  result.max_flows = stack.config().max_connections;
  return result;
}

}  // namespace

Serving::Serving(const ServeOptions& options, unsigned queue, Stack& stack, tun::EventLoop& loop, Journal& journal)
    : all_rules_(options.rules),
      queue_(queue),
      stack_(stack),
      loop_(loop),
      journal_(journal),
      executor_(stack),
      fallback_(stack, executor_, fallback_options(options, stack)) {
  listeners_.reserve(options.rules.listeners.size());  // Tasks refer to them.
  for (const ListenRule& rule : options.rules.listeners) listen(stack, rule);
  for (const FallbackRule& rule : options.rules.fallbacks) rules_.push_back({rule, register_rule(rule)});
  if (journal_.wants_steps()) {
    fallback_.on_flow_event(
        [this](const FlowEvent& event) { journal_.fallback(queue_, event, rule_of(event.handler)); });
  }
  loop_.drive(executor_);
}

Serving::~Serving() { loop_.on_turn({}); }

void Serving::describe(Summary& summary) const {
  summary.listeners = listeners_;
  summary.fallback = fallback_.counters();
  for (const auto& [rule, handle] : rules_) {
    const HandlerCounters* counters = fallback_.counters(handle.id());
    summary.rules.push_back({rule.text, counters != nullptr ? *counters : HandlerCounters{}});
  }
}

void Serving::describe(Status& status) const {
  describe(status.summary);
  status.gauges = fallback_.gauges();
  status.listening.assign(stack_.bound_tcp_ports().begin(), stack_.bound_tcp_ports().end());
  std::map<std::pair<Endpoint, Endpoint>, std::string_view> rules;  // of connections
  fallback_.for_each_flow([&](const FlowSnapshot& flow) {
    const auto rule = rule_of(flow.handler);
    if (flow.phase != detail::Flow::Phase::served) status.flows.push_back({flow, rule, queue_});
    rules.emplace(std::pair{flow.syn.tuple.local, flow.syn.tuple.remote}, rule);
  });
  fallback_.for_each_port(
      [&](std::uint16_t port, const PortRecord& record) { status.ports.push_back({port, record}); });
  for (std::uint32_t slot = 0; slot < stack_.config().max_connections; ++slot) {
    const auto connection = stack_.connection_at(slot);
    if (!connection) continue;
    const FourTuple& tuple = connection->info.tuple;
    const auto rule = rules.find({tuple.local, tuple.remote});
    status.connections.push_back(
        {connection->info, rule != rules.end() ? rule->second : rule_of_listener(tuple.local.port), queue_});
  }
}

// --- Listeners.

void Serving::listen(Stack& stack, const ListenRule& rule) {
  auto listener = stack.listen({{}, rule.port});
  if (!listener) {
    throw std::invalid_argument(rule.origin + ": " + std::string(to_string(listener.error())));
  }
  ListenerSummary& summary = listeners_.emplace_back(rule.text);
  executor_.spawn(accept_all(std::move(*listener), rule.service, summary));
}

Task Serving::accept_all(Listener listener, const Service& service, ListenerSummary& summary) {
  while (auto stream = co_await accept(listener)) {
    ++summary.accepted;
    executor_.spawn(journal_.wants_steps() ? serve_and_tell(std::move(*stream), service, summary.rule)
                                           : serve(service, std::move(*stream), summary.rule));
  }
}

Task Serving::serve_and_tell(Stream stream, const Service& service, const std::string& rule) {
  const FourTuple tuple = stream.info().tuple;
  journal_.listener(queue_, "accepted", rule, tuple);
  co_await serve(service, std::move(stream), rule);
  journal_.listener(queue_, "closed", rule, tuple);
}

// `service` and `rule` are the options', and outlive every task.
Task Serving::serve(const Service& service, Stream stream, const std::string& rule) {
  if (const auto* said = std::get_if<Banner>(&service)) return banner(std::move(stream), said->text);
  if (const auto* handler = std::get_if<Handler>(&service)) return serve_connection(*handler, std::move(stream));
  return log_visitor(std::move(stream), loop_, [this, &rule](const FourTuple& tuple, std::string_view said) {
    journal_.visit(queue_, rule, tuple, said);
  });
}

// --- Fallback rules.

FallbackHandle Serving::register_rule(const FallbackRule& rule) {
  HandlerOptions options;
  const OverLimit over = rule.limits.over.value_or(OverLimit::reset);
  options.limit = {rule.limits.max.value_or(unlimited), over};
  options.per_source = {rule.limits.per_source.value_or(unlimited), over};
  return fallback_.register_handler([this, &rule](Consultation& about) { return decide(rule, about); }, options);
}

FallbackDecision Serving::decide(const FallbackRule& rule, Consultation& about) {
  if (!rule.ports.contains(about.destination().port)) return FallbackDecision::decline();
  const bool needs_time = rule.delay.count() > 0 || std::holds_alternative<ProxyTarget>(rule.action);
  return needs_time ? hold(rule, about) : decide_now(rule);
}

FallbackDecision Serving::decide_now(const FallbackRule& rule) {
  if (const auto* refusal = std::get_if<Refusal>(&rule.action)) return *refusal;
  if (const auto* service = std::get_if<Service>(&rule.action)) {
    return FallbackDecision::accept(
        [this, service, &rule](Stream stream) { return serve(*service, std::move(stream), rule.text); });
  }
  return FallbackDecision::decline();
}

// The client hears nothing until the delay is over and the upstream, if there is one, has answered.
FallbackDecision Serving::hold(const FallbackRule& rule, Consultation& about) {
  const std::uint64_t number = ++last_held_;
  DeferToken token = about.defer({.timeout = rule.delay + dial_patience,
                                  .refusal = refusal_for(ETIMEDOUT),
                                  .on_cancel = [this, number] { held_.erase(number); }});
  if (!token) return FallbackDecision::defer();
  Held& held = held_.try_emplace(number, rule, about.syn().tuple, std::move(token)).first->second;
  if (rule.delay.count() > 0) {
    held.delay = loop_.call_after(rule.delay, [this, number] { delay_ended(number); });
  } else {
    dial(number, held, std::get<ProxyTarget>(rule.action));
  }
  return FallbackDecision::defer();
}

void Serving::delay_ended(std::uint64_t number) {
  const auto held = held_.find(number);
  if (const auto* target = std::get_if<ProxyTarget>(&held->second.rule.action)) {
    return dial(number, held->second, *target);
  }
  const auto done = held_.extract(held);
  std::ignore = done.mapped().token.answer(decide_now(done.mapped().rule));
}

void Serving::dial(std::uint64_t number, Held& held, const ProxyTarget& target) {
  const Endpoint upstream{target.address, target.port_for(held.tuple.local.port)};
  held.dial = std::make_unique<Dial>(loop_, upstream,
                                     [this, number](Dial::Result result) { dial_ended(number, std::move(result)); });
}

void Serving::dial_ended(std::uint64_t number, Dial::Result result) {
  const auto done = held_.extract(number);
  Held& held = done.mapped();
  if (!result) {
    journal_.dial_failed(queue_, held.rule.text, held.tuple, result.error());
    std::ignore = held.token.answer(refusal_for(result.error()));
    return;
  }
  std::ignore = held.token.accept([&loop = loop_, socket = std::move(*result)](Stream stream) mutable {
    return relay(std::move(stream), loop, std::move(socket));
  });
}

std::string_view Serving::rule_of(HandlerId handler) const {
  const auto found = std::ranges::find(rules_, handler, [](const RuleHandle& rule) { return rule.handle.id(); });
  return found == rules_.end() ? std::string_view{} : found->rule.text;
}

std::string_view Serving::rule_of_listener(std::uint16_t port) const {
  const auto found = std::ranges::find(all_rules_.listeners, port, &ListenRule::port);
  return found == all_rules_.listeners.end() ? std::string_view{} : found->text;
}

}  // namespace backstop::tools
