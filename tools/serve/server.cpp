#include "tools/serve/server.hpp"

#include <algorithm>
#include <csignal>
#include <span>
#include <stdexcept>

#include "tools/serve/dial.hpp"
#include "tun/network_namespace.hpp"

namespace backstop::tools {
namespace {

void look_up(FallbackRule& rule) {
  auto* target = std::get_if<ProxyTarget>(&rule.action);
  if (target == nullptr) return;
  const auto address = resolve(target->host);
  if (!address) throw std::invalid_argument(rule.origin + ": " + address.error());
  target->address = *address;
}

}  // namespace

ServeOptions settled(ServeOptions options) {
  if (!options.network_namespace.empty()) tun::enter_network_namespace(options.network_namespace);
  std::ranges::for_each(options.rules.fallbacks, look_up);
  return options;
}

Server::Server(ServeOptions options) : options_(std::move(options)), journal_(options_) {
  queues_.push_back(std::make_unique<Queue>(options_, journal_));
  for (unsigned number = 1; number < options_.queues; ++number) {
    queues_.push_back(std::make_unique<Queue>(options_, journal_, *queues_.front(), number));
  }
  if (queues_.size() > 1) share_packets();
  if (options_.status_socket.empty()) return;
  status_socket_.emplace(queues_.front()->loop(), options_.status_socket,
                         [this](std::string_view path) { return find_page(path); });
}

void Server::share_packets() {
  for (const auto& queue : queues_) {
    queue->share_packets([this, from = queue.get()](Bytes packet) {
      for (const auto& other : queues_) {
        if (other.get() != from) other->take_shared(packet);
      }
    });
  }
}

// Threads end before anything that they use: each knows all queues.
Server::~Server() {
  stop();
  for (const auto& queue : queues_) queue->wait();
}

void Server::run() {
  Queue& first = *queues_.front();
  const std::span others = std::span{queues_}.subspan(1);
  const tun::SignalWatch signals(first.loop(), {SIGINT, SIGTERM}, [this](int) { stop(); });
  tun::Timer end;
  if (options_.duration) end = first.loop().call_after(*options_.duration, [this] { stop(); });
  for (const auto& queue : others) queue->start([this] { stop(); });
  journal_.ready(first.device().name(), first.device().mtu());
  first.serve();
  status_socket_.reset();
  first.close();
  for (const auto& queue : others) queue->wait();
  for (const auto& queue : others) queue->check();
  Summary summary = first.summary();
  for (const auto& queue : others) summary += queue->summary();
  journal_.summary(summary);
}

void Server::stop() {
  for (const auto& queue : queues_) queue->stop();
}

std::optional<StatusPage> Server::find_page(std::string_view path) {
  if (path == "/" || path == "/status.json") return StatusPage{json_of(status()).text() + "\n", "application/json"};
  if (path == "/metrics") return StatusPage{metrics_of(status()), "text/plain; version=0.0.4"};
  if (path == "/ss") return StatusPage{tables_of(status()), "text/plain"};
  return std::nullopt;
}

Status Server::status() {
  Status status = queues_.front()->status();
  for (const auto& queue : std::span{queues_}.subspan(1)) status += queue->status();
  status.queues = options_.queues;
  status.now = tun::EventLoop::now();
  status.wall_clock = tun::PcapWriter::wall_clock();
  return status;
}

}  // namespace backstop::tools
