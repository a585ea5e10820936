#include "tools/packetdrill/host.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "tools/packetdrill/wire_format.hpp"

namespace backstop::packetdrill {
namespace {

using std::chrono::microseconds;

// Why: any time will do, but scripts print it, and a stack may take differences from long ago.
constexpr Instant first_moment{std::chrono::hours{1'000}};
// Why: longer than any wait for a retransmission; a script that waits in vain must end.
constexpr Duration patience_of_main_thread = std::chrono::seconds{200};

thread_local std::optional<Instant> waking;

}  // namespace

Host::Host(Settings settings) : settings_(std::move(settings)), clock_(first_moment), acted_at_(first_moment) {}

microseconds Host::look_at_clock() {
  if (const auto woken_at = std::exchange(waking, std::nullopt)) {
    --woken_calls_;
    woken_.notify_all();
    return std::chrono::duration_cast<microseconds>(woken_at->time_since_epoch());
  }
  clock_ += microseconds{1};
  return std::chrono::duration_cast<microseconds>(clock_.time_since_epoch());
}

Stack& Host::stack() {
  read_settings();
  if (!stack_ || (stack_is_stale_ && users_ == 0 && stack_->connections() == 0)) {
    stack_ = std::make_unique<Stack>(settings_.config);
    stack_is_stale_ = false;
  }
  return *stack_;
}

void Host::read_settings() {
  if (settings_file_.apply_new_lines(settings_)) stack_is_stale_ = true;
}

void Host::receive(Bytes packet) {
  run_until(clock_);
  const std::vector<std::byte> taken = without_text_of_syn(packet);
  stack().receive({.bytes = taken, .offload = {}}, clock_);
  settle();
}

void Host::advance(Lock& lock, Duration time) {
  let_woken_finish(lock);
  const Instant then = clock_ + time;
  run_until(then);
  clock_ = std::max(clock_, then);
  wake_waiters();
  let_woken_finish(lock);
}

std::optional<Host::Sent> Host::next_packet(Duration patience) {
  const Instant limit = clock_ + patience;
  while (sent_.empty() && step(limit)) {
  }
  if (sent_.empty()) return std::nullopt;
  Sent sent = std::move(sent_.front());
  sent_.pop_front();
  return sent;
}

void Host::settle() { act(clock_); }

// --- Time.

void Host::run_until(Instant then) {
  while (step(then)) {
  }
}

// Goes to the next moment at which something happens, if it is not behind `limit`.
bool Host::step(Instant limit) {
  const Instant moment = next_moment();
  if (moment == never || moment > limit) return false;
  const Instant at = std::max(moment, acted_at_);
  clock_ = std::max(clock_, at);
  act(at);
  return true;
}

Instant Host::next_moment() const {
  Instant moment = alarm();
  if (stack_) moment = std::min(moment, stack_->next_deadline().value_or(never));
  for (const Waiter& waiter : waiters_) {
    if (!waiter.done) moment = std::min(moment, waiter.deadline);
  }
  return moment;
}

void Host::act(Instant at) {
  acted_at_ = std::max(acted_at_, at);
  do {
    transmit();
    drain_events();
    after_step();
    wake_waiters();
  } while (stack_ && stack_->next_deadline() == immediately);
  publish_states();
}

// For the stubs of `sockstat` and `ss`, which know no other way to the stack: a line a connection or listener.
void Host::publish_states() {
  const char* path = std::getenv("BACKSTOP_PACKETDRILL_STATES");
  if (path == nullptr || !stack_) return;
  std::string states;
  const auto text = [](const Endpoint& endpoint) { return std::string{AddressText{endpoint}.view()}; };
  for (const Endpoint& local : stack_->bound_tcp_ports()) states += "LISTEN " + text(local) + " *:*\n";
  for (std::uint32_t slot = 0; slot < settings_.config.max_connections; ++slot) {
    const auto connection = stack_->connection_at(slot);
    if (!connection) continue;
    const ConnectionInfo& info = connection->info;
    states += std::string{to_string(info.state)} + " " + text(info.tuple.local) + " " + text(info.tuple.remote) + "\n";
  }
  if (states == std::exchange(published_, states)) return;
  std::ofstream{path} << states;
}

void Host::transmit() {
  while (stack_) {
    const auto packet = stack_->transmit(acted_at_);
    if (!packet) break;
    queue(*packet, acted_at_);
  }
}

void Host::queue(const OutboundPacket& packet, Instant at) {
  for (std::vector<std::byte>& bytes : on_the_wire(packet, settings_.syn_options)) {
    sent_.push_back({at, std::move(bytes)});
  }
}

void Host::drain_events() {
  while (stack_) {
    const auto event = stack_->next_event();
    if (!event) break;
    on_event(*event);
  }
}

// --- Calls that block.

bool Host::wait(Lock& lock, const std::function<bool()>& attempt, Instant deadline) {
  if (attempt()) return true;
  if (deadline <= clock_) return false;
  if (std::this_thread::get_id() == main_thread_) return wait_by_moving_time(attempt, deadline);
  const auto waiter = waiters_.insert(waiters_.end(), Waiter{attempt, deadline});
  woken_.wait(lock, [&] { return waiter->done; });
  waking = waiter->woken_at;
  const bool succeeded = waiter->succeeded;
  waiters_.erase(waiter);
  return succeeded;
}

// The script does not say that this call blocks: nothing else will happen meanwhile but what the stack does by itself.
bool Host::wait_by_moving_time(const std::function<bool()>& attempt, Instant deadline) {
  const Instant limit = std::min(deadline, clock_ + patience_of_main_thread);
  while (step(limit)) {
    if (attempt()) return true;
  }
  clock_ = std::max(clock_, limit);
  return false;
}

void Host::wake_waiters() {
  bool any = false;
  for (Waiter& waiter : waiters_) {
    if (waiter.done) continue;
    waiter.succeeded = waiter.attempt();
    waiter.done = waiter.succeeded || waiter.deadline <= clock_;
    waiter.woken_at = clock_;
    if (waiter.done) ++woken_calls_;
    any = any || waiter.done;
  }
  if (any) woken_.notify_all();
}

// A thread has done its call when it has looked at the clock; then it needs packetdrill's own lock, which is free while
// the main thread sleeps. There is nothing to wait for but the processor.
void Host::let_woken_finish(Lock& lock) {
  if (woken_calls_ == 0) return;
  constexpr auto a_slow_machine = std::chrono::seconds{1};
  constexpr auto a_few_turns = std::chrono::milliseconds{2};
  woken_.wait_for(lock, a_slow_machine, [&] { return woken_calls_ == 0; });
  lock.unlock();
  std::this_thread::sleep_for(a_few_turns);
  lock.lock();
}

}  // namespace backstop::packetdrill
