// What runs on the stack: a task for each listener, the fallback manager with a handler for each rule, and the flows
// that are held for a delay or a dial. Destroying it closes listeners and connections. Read next: handlers.hpp and
// relay.hpp, the tasks of connections.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "fallback/manager.hpp"
#include "stack/coroutine.hpp"
#include "tools/serve/dial.hpp"
#include "tools/serve/journal.hpp"
#include "tools/serve/options.hpp"
#include "tools/serve/status.hpp"
#include "tun/event_loop.hpp"

namespace backstop::tools {

class Serving {
 public:
  /// Drives its tasks with `loop`. The options are settled, and outlive it. Throws std::invalid_argument when a port
  /// cannot be listened on.
  Serving(const ServeOptions& options, unsigned queue, Stack& stack, tun::EventLoop& loop, Journal& journal);
  ~Serving();
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  /// Fills in what it knows.
  void describe(Summary& summary) const;
  void describe(Status& status) const;

 private:
  struct RuleHandle {
    const FallbackRule& rule;
    FallbackHandle handle;
  };
  /// A flow that waits for its rule's delay, and then for the dial of a proxy.
  struct Held {
    const FallbackRule& rule;
    FourTuple tuple;
    DeferToken token;
    tun::Timer delay;
    std::unique_ptr<Dial> dial;
  };

  void listen(Stack& stack, const ListenRule& rule);
  Task accept_all(Listener listener, const Service& service, ListenerSummary& summary);
  Task serve_and_tell(Stream stream, const Service& service, const std::string& rule);
  Task serve(const Service& service, Stream stream, const std::string& rule);

  FallbackHandle register_rule(const FallbackRule& rule);
  FallbackDecision decide(const FallbackRule& rule, Consultation& about);
  FallbackDecision decide_now(const FallbackRule& rule);
  FallbackDecision hold(const FallbackRule& rule, Consultation& about);
  void delay_ended(std::uint64_t number);
  void dial(std::uint64_t number, Held& held, const ProxyTarget& target);
  void dial_ended(std::uint64_t number, Dial::Result result);
  [[nodiscard]] std::string_view rule_of(HandlerId handler) const;
  [[nodiscard]] std::string_view rule_of_listener(std::uint16_t port) const;

  const Rules& all_rules_;
  const unsigned queue_;
  Stack& stack_;
  tun::EventLoop& loop_;
  Journal& journal_;
  std::vector<ListenerSummary> listeners_;
  Executor executor_;
  std::unordered_map<std::uint64_t, Held> held_;
  std::uint64_t last_held_ = 0;
  std::vector<RuleHandle> rules_;  // before the manager, whose end still brings events about them
  FallbackManager fallback_;
};

}  // namespace backstop::tools
