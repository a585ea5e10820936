#include "tools/serve/server.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <stdexcept>

#include "tools/secret.hpp"
#include "tools/serve/dial.hpp"
#include "tun/network_namespace.hpp"

namespace backstop::tools {
namespace {

// Why: longer than a retransmission or two take on a link to the host, short for whoever waits for the end.
constexpr Duration farewell = std::chrono::seconds{1};
constexpr Duration farewell_check = std::chrono::milliseconds{10};

void look_up(FallbackRule& rule) {
  auto* target = std::get_if<ProxyTarget>(&rule.action);
  if (target == nullptr) return;
  const auto address = resolve(target->host);
  if (!address) throw std::invalid_argument(rule.origin + ": " + address.error());
  target->address = *address;
}

Config configuration(const ServeOptions& options, Link& link) {
  Config config;
  config.address = options.address;
  const auto host = link.device().host_address();
  if (host) config.prefix = host->prefix;
  config.any_ip = options.any_ip;
  config.max_listeners = std::max(config.max_listeners, static_cast<std::uint32_t>(options.rules.listeners.size()));
  config.secret = random_secret();
  tun::fit(config, link.top());
  return config;
}

/// Nothing of ours is under way any more: the peer has acknowledged our FIN.
bool is_closed(State state) {
  return state == State::closed || state == State::time_wait || state == State::fin_wait_2;
}

}  // namespace

ServeOptions settled(ServeOptions options) {
  if (!options.network_namespace.empty()) tun::enter_network_namespace(options.network_namespace);
  std::ranges::for_each(options.rules.fallbacks, look_up);
  return options;
}

Server::Server(ServeOptions options)
    : options_(std::move(options)),
      journal_(options_),
      link_(options_),
      stack_(configuration(options_, link_)),
      loop_(stack_, link_.top()) {
  serving_.emplace(options_, stack_, loop_, journal_);
  if (options_.status_socket.empty()) return;
  status_socket_.emplace(loop_, options_.status_socket, [this](std::string_view path) { return find_page(path); });
}

void Server::run() {
  const tun::SignalWatch signals(loop_, {SIGINT, SIGTERM}, [this](int) { loop_.stop(); });
  tun::Timer end;
  if (options_.duration) end = loop_.call_after(*options_.duration, [this] { loop_.stop(); });
  journal_.ready(link_.device().name(), link_.device().mtu());
  loop_.run();
  status_socket_.reset();
  Summary summary;
  serving_->describe(summary);
  close_connections();
  count(summary);
  journal_.summary(summary);
}

void Server::count(Summary& summary) const {
  summary.stack = stack_.statistics();
  summary.device = link_.device().counters();
  summary.faults = link_.faults();
}

std::optional<StatusPage> Server::find_page(std::string_view path) const {
  if (path == "/" || path == "/status.json") return StatusPage{json_of(status()).text() + "\n", "application/json"};
  if (path == "/metrics") return StatusPage{metrics_of(status()), "text/plain; version=0.0.4"};
  if (path == "/ss") return StatusPage{tables_of(status()), "text/plain"};
  return std::nullopt;
}

Status Server::status() const {
  Status status;
  status.now = tun::EventLoop::now();
  status.wall_clock = tun::PcapWriter::wall_clock();
  serving_->describe(status);
  count(status.summary);
  return status;
}

// A FIN for every connection, and time for it to arrive; then a RST for those that still stand. A signal cuts it short.
void Server::close_connections() {
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

bool Server::everything_is_closed() const {
  for (std::uint32_t slot = 0; slot < stack_.config().max_connections; ++slot) {
    const auto connection = stack_.connection_at(slot);
    if (connection && !is_closed(connection->info.state)) return false;
  }
  return true;
}

}  // namespace backstop::tools
