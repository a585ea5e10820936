#include "tests/simulation/host.hpp"

#include <algorithm>

#include "tests/simulation/failure.hpp"

namespace backstop::simulation {

Host::Host(std::size_t index, const HostPlan& plan, Surroundings& world, Ends& ends, std::uint64_t seed)
    : index_(index),
      plan_(plan),
      world_(world),
      ends_(ends),
      stack_(plan.config, memory_),
      inspector_(plan.config),
      draw_(seed) {
  if (plan.fallback) {
    executor_.emplace(stack_, memory_);
    executor_->attach(*this);
    const OverLimit policy = plan.fallback->sheds ? OverLimit::shed_oldest : OverLimit::reset;
    fallback_.emplace(stack_, *executor_,
                      FallbackOptions{.max_flows = plan.fallback->max_flows,
                                      .limit = {plan.fallback->most_in_flight, policy},
                                      .max_verdicts = 8,
                                      .max_ports = 4},
                      memory_);
    handler_ = fallback_->register_handler([this](Consultation& about) { return decide(about); });
  }
  memory_.seal();
  for (const Service& service : plan.services) services_.push_back({&service, {}});
}

// Opening and closing -------------------------------------------------------------------------------------------------

void Host::open_services(Instant now) {
  for (OpenService& service : services_) {
    open(service);
    if (!service.plan->comes_and_goes) continue;
    world_.at(now + service.plan->open_for, [this, &service] { close(service); });
  }
}

void Host::open(OpenService& service) {
  auto listener = stack_.listen({{}, service.plan->port}, {.backlog = service.plan->backlog});
  if (!listener) throw Failure("listen() failed: " + std::string(to_string(listener.error())));
  service.listener = std::move(*listener);
}

void Host::close(OpenService& service) {
  world_.note("a listener goes");
  service.listener.reset();
}

void Host::close_services() {
  handler_.reset();
  tokens_.clear();
  for (OpenService& service : services_) service.listener.reset();
}

void Host::visit(const Visit& visit, Endpoint target, Instant now, Ended ended) {
  auto stream = stack_.connect(target, now, {.local = {{}, visit.local_port}});
  if (!stream) {
    const bool expected =
        stream.error() == Error::connection_already_exists ||
        (stream.error() == Error::insufficient_resources && stack_.connections() == plan_.config.max_connections);
    if (!expected) throw Failure("connect() failed: " + std::string(to_string(stream.error())));
    return ended(nullptr);
  }
  End& end = ends_.add({stream->local(), stream->remote()}, true);
  end.may_be_refused = visit.may_be_refused;
  inspector_.expect_text(end.tuple, end.id);
  take_in(std::move(*stream), end, visit.manner, now, std::move(ended));
}

void Host::accept_all(OpenService& service, Instant now) {
  while (auto stream = service.listener.accept()) {
    End& end = ends_.add({stream->local(), stream->remote()}, false);
    end.may_be_refused = service.plan->comes_and_goes;
    expect_text_of(end);
    take_in(std::move(*stream), end, service.plan->manner, now, {});
  }
}

void Host::expect_text_of(End& accepted) {
  accepted.may_be_again = statistics().syn_cookies_taken > 0;
  inspector_.expect_text(accepted.tuple, accepted.id);
}

void Host::take_in(Stream stream, End& end, const Manner& manner, Instant now, Ended ended) {
  const std::uint64_t guest = key(stream.id());
  users_.emplace(guest, Guest{User{std::move(stream), end, ends_, manner, now}, std::move(ended)});
  let_act(guest, now);
}

void Host::let_act(std::uint64_t guest, Instant now) {
  const auto found = users_.find(guest);
  if (found == users_.end()) return;
  User& user = found->second.user;
  const Instant again = user.act(now);
  if (user.gone()) {
    auto ended = std::move(found->second.ended);
    const End& end = user.end();
    users_.erase(found);
    if (ended) ended(&end);
  } else if (again < found->second.wake) {
    found->second.wake = again;
    world_.at(again, [this, guest, again] {
      const auto woken = users_.find(guest);
      if (woken == users_.end() || woken->second.wake != again) return;
      woken->second.wake = never;
      let_act(guest, again);
    });
  }
}

// Flows that no listener claims ---------------------------------------------------------------------------------------

FallbackDecision Host::decide(Consultation& about) {
  const FallbackPlan& plan = *plan_.fallback;
  if (draw_.chance(plan.declines)) return FallbackDecision::decline();
  if (draw_.chance(plan.rejects)) return FallbackDecision::reject();
  if (draw_.chance(plan.drops)) return FallbackDecision::drop();
  const auto accept = [this] {
    return FallbackDecision::accept([this](Stream stream) { return serve_unclaimed(std::move(stream)); });
  };
  if (!draw_.chance(plan.defers)) return accept();
  const std::uint64_t number = ++last_token_;
  tokens_.emplace_back(number, about.defer({.timeout = plan.timeout}));
  const bool accepts = draw_.coin();
  world_.at(about.now() + plan.answer_delay, [this, number, accepts, accept] {
    const auto found = std::ranges::find(tokens_, number, &std::pair<std::uint64_t, DeferToken>::first);
    if (found == tokens_.end()) return;
    if (accepts) (void)found->second.answer(accept());
    tokens_.erase(found);  // unanswered, it rejects
  });
  return FallbackDecision::defer();
}

// The stream becomes a user's like any other; the coroutine ends, and the flow with it.
Task Host::serve_unclaimed(Stream stream) {
  End& end = ends_.add({stream.local(), stream.remote()}, false);
  end.may_be_refused = true;
  expect_text_of(end);
  take_in(std::move(stream), end, plan_.fallback->manner, executor_->now(), {});
  co_return;
}

// Every SYN that the manager saw, and every cookie that came back to it, has exactly one outcome, at any time.
void Host::check_outcomes() const {
  const FallbackCounters& counters = fallback_->counters();
  std::uint64_t outcomes = counters.absorbed + counters.repeated + fallback_->gauges().pending;
  for (const std::uint64_t verdicts : counters.verdicts) outcomes += verdicts;
  if (outcomes != counters.syns + counters.cookies)
    throw Failure("the outcomes of flows do not add up to the SYNs seen");
}

// Turns ---------------------------------------------------------------------------------------------------------------

bool Host::deliver(test::Packet packet, Offload offload) {
  if (inbox_.size() >= plan_.inbox) return false;
  inbox_.push_back({std::move(packet), offload});
  return true;
}

Instant Host::due() {
  Instant next = inbox_.empty() ? stack_.next_deadline().value_or(never) : immediately;
  if (executor_) next = std::min(next, executor_->next_deadline().value_or(never));
  return next == never ? never : std::max(next, stalled_until_);
}

void Host::take_turn(Instant now) {
  constexpr int endless = 100'000;
  for (int rounds = 0;; ++rounds) {
    if (rounds == endless) throw Failure("a host that never comes to rest");
    receive_all(now);
    const bool sent = transmit_all(now);
    const bool heard = hear_events(now);  // last: deadlines that acted in transmit() may have made events
    if (!heard && !sent && due() > now) break;
  }
  check_deadline(now);
}

void Host::receive_all(Instant now) {
  while (!inbox_.empty()) {
    const Arrived packet = std::move(inbox_.front());
    inbox_.pop_front();
    inspector_.received(packet.bytes, packet.offload, now);
    const std::uint64_t cookies = statistics().syn_cookies_taken;
    stack_.receive({packet.bytes, packet.offload}, now);
    if (statistics().syn_cookies_taken > cookies) inspector_.cookie_taken(packet.bytes);
  }
}

bool Host::hear_events(Instant now) {
  heard_ = false;
  if (executor_) {
    executor_->run(now);
    check_outcomes();
    return heard_;
  }
  while (const auto event = stack_.next_event()) on_event(*event, now);
  return heard_;
}

void Host::on_event(const Event& event, Instant now) {
  heard_ = true;
  if (!event.id.is_listener) {
    const auto guest = users_.find(key(event.id));
    if (guest == users_.end()) return;
    guest->second.user.hear(event.what);
    return let_act(key(event.id), now);
  }
  for (OpenService& service : services_) {
    if (!service.listener || service.listener.id() != event.id) continue;
    if (service.plan->accept_delay == Duration{}) {
      accept_all(service, now);
    } else {
      const Instant later = now + service.plan->accept_delay;
      world_.at(later, [this, &service, later] { accept_all(service, later); });
    }
  }
}

bool Host::transmit_all(Instant now) {
  bool any = false;
  while (const auto packet = stack_.transmit(now)) {
    any = true;
    test::Packet bytes = test::flatten(*packet);
    const std::string wrong = inspector_.sent(bytes, packet->offload);
    world_.send(index_, std::move(bytes), packet->offload);
    if (!wrong.empty()) throw Failure("host " + std::to_string(index_ + 1) + " sends " + wrong);
  }
  return any;
}

void Host::check_deadline(Instant now) const {
  const auto deadline = stack_.next_deadline();
  if (deadline && *deadline <= now) throw Failure("a host wants to act at once, but has nothing to do");
  if (deadline) return;
  for (const auto& [id, guest] : users_) {
    if (guest.user.is_owed())
      throw Failure("nothing will ever happen, but something is owed: " + guest.user.describe());
  }
}

// The end -------------------------------------------------------------------------------------------------------------

bool Host::dismiss_widows(Instant now) {
  std::vector<std::uint64_t> widows;
  for (auto& [id, guest] : users_) {
    const End& end = guest.user.end();
    const bool peer_is_there = end.peer && !ends_[*end.peer].over;
    if (peer_is_there) throw Failure("stuck: " + guest.user.describe());
    widows.push_back(id);
  }
  for (const std::uint64_t id : widows) {
    const auto found = users_.find(id);
    world_.note("dismissed: " + found->second.user.describe());
    found->second.user.dismiss(now);
    users_.erase(found);
  }
  return !widows.empty();
}

void Host::check_end() const {
  const std::string who = "at the end host " + std::to_string(index_ + 1);
  if (stack_.connections() != 0) throw Failure(who + " has " + std::to_string(stack_.connections()) + " connections");
  if (stack_.blocks_in_use() != 0) throw Failure(who + " has " + std::to_string(stack_.blocks_in_use()) + " blocks");
  if (fallback_ && fallback_->gauges().in_flight() != 0) throw Failure(who + " has flows in flight");
  if (executor_ && executor_->tasks() != 0) throw Failure(who + " has tasks");
}

std::string Host::describe_users() const {
  std::string all;
  for (const auto& [id, guest] : users_) all += "  " + guest.user.describe() + "\n";
  return all;
}

}  // namespace backstop::simulation
