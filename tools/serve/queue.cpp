#include "tools/serve/queue.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "tools/secret.hpp"

namespace backstop::tools {
namespace {

// Why: longer than a retransmission or two take on a link to the host, short for whoever waits for the end.
constexpr Duration farewell = std::chrono::seconds{1};
constexpr Duration farewell_check = std::chrono::milliseconds{10};

/// Each has a coroutine, whose frame needs memory.
void set_max_connections(Config& config, std::uint32_t count) {
  const std::uint32_t frame = config.coroutine_memory / config.max_connections;
  config.coroutine_memory = std::max(config.coroutine_memory, frame * count);
  config.max_connections = count;
}

Config configuration(const ServeOptions& options, Link& link) {
  Config config;
  config.address = options.address;
  const auto host = link.device().host_address();
  if (host) config.prefix = host->prefix;
  config.any_ip = options.any_ip;
  config.max_listeners = std::max(config.max_listeners, static_cast<std::uint32_t>(options.rules.listeners.size()));
  if (options.max_connections) set_max_connections(config, *options.max_connections);
  config.has_all_flows = options.queues == 1;
  config.secret = random_secret();
  tun::fit(config, link.top());
  return config;
}

/// Nothing of ours is under way any more: the peer has acknowledged our FIN.
bool is_closed(State state) {
  return state == State::closed || state == State::time_wait || state == State::fin_wait_2;
}

}  // namespace

Queue::Queue(const ServeOptions& options, Journal& journal)
    : link_(options), stack_(configuration(options, link_)), loop_(stack_, link_.top()) {
  begin(options, journal);
}

Queue::Queue(const ServeOptions& options, Journal& journal, const Queue& first, unsigned number)
    : number_(number),
      link_(options, first.link_, number),
      stack_(configuration(options, link_)),
      loop_(stack_, link_.top()) {
  begin(options, journal);
}

void Queue::begin(const ServeOptions& options, Journal& journal) {
  loop_.busy_poll(options.busy_poll);
  serving_.emplace(options, number_, stack_, loop_, journal);
}

void Queue::take_shared(Bytes packet) {
  constexpr int most = 64;  // Why: a flood of them must not fill memory, and any link may lose some.
  if (shared_to_take_.fetch_add(1) >= most) {
    --shared_to_take_;
    return;
  }
  loop_.post([this, copy = std::vector(packet.begin(), packet.end())] {
    --shared_to_take_;
    stack_.receive({.bytes = copy, .offload = {}}, tun::EventLoop::now());
  });
}

void Queue::serve() {
  loop_.run();
  serving_->describe(summary_);
}

void Queue::close() {
  close_connections();
  count(summary_);
}

void Queue::start(std::function<void()> on_failure) {
  thread_ = std::thread([this, on_failure = std::move(on_failure)] {
    try {
      serve();
      close();
    } catch (...) {
      failure_ = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      has_ended_ = true;
    }
    changed_.notify_all();
    if (failure_) on_failure();
  });
}

void Queue::wait() {
  if (thread_.joinable()) thread_.join();
}

void Queue::check() const {
  if (failure_) std::rethrow_exception(failure_);
}

// A stack is looked at on its own thread only. One that has ended says nothing.
Status Queue::status() {
  Status status;
  if (!thread_.joinable()) {
    describe(status);
    return status;
  }
  bool answered = false;
  loop_.post([&] {
    describe(status);
    const std::lock_guard lock(mutex_);
    answered = true;
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return answered || has_ended_; });
  return status;
}

void Queue::describe(Status& status) const {
  if (serving_) serving_->describe(status);
  count(status.summary);
}

void Queue::count(Summary& summary) const {
  summary.stack = stack_.statistics();
  summary.device = link_.device().counters();
  summary.faults = link_.faults();
}

// A FIN for every connection, and time for it to arrive; then a RST for those that still stand. A signal cuts it short.
void Queue::close_connections() {
  serving_.reset();
  const Instant end = tun::EventLoop::now() + farewell;
  tun::Timer check;
  const std::function<void()> wait = [&] {
    if (everything_is_closed() || tun::EventLoop::now() >= end) return loop_.stop();
    check = loop_.call_after(farewell_check, wait);
  };
  check = loop_.call_after(Duration::zero(), wait);
  loop_.run();
  for (std::uint32_t slot = 0; slot < stack_.config().max_connections; ++slot) {
    const auto connection = stack_.connection_at(slot);
    if (connection && connection->info.state != State::time_wait) stack_.abort(connection->id);
  }
  const Instant now = tun::EventLoop::now();
  while (const auto packet = stack_.transmit(now)) link_.top().send(*packet);
}

bool Queue::everything_is_closed() const {
  for (std::uint32_t slot = 0; slot < stack_.config().max_connections; ++slot) {
    const auto connection = stack_.connection_at(slot);
    if (connection && !is_closed(connection->info.state)) return false;
  }
  return true;
}

}  // namespace backstop::tools
