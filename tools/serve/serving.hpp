// What runs on the stack: a task for each listener, the fallback manager with a handler for each rule, and the dials of
// proxies. Destroying it closes listeners and connections.
// Read next: handlers.hpp and relay.hpp, the tasks of connections.
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
#include "tun/event_loop.hpp"

namespace backstop::tools {

class Serving {
 public:
  /// Drives its tasks with `loop`. The hosts of proxies have been looked up. Throws std::invalid_argument when a port
  /// cannot be listened on.
  Serving(const ServeOptions& options, Stack& stack, tun::EventLoop& loop, Journal& journal);
  ~Serving();
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  /// Fills in what it knows.
  void describe(Summary& summary) const;

 private:
  /// A rule of proxy:HOST:PORT.
  struct Upstream {
    std::string rule;
    ProxyTarget target;
  };
  struct RuleHandle {
    std::string rule;
    FallbackHandle handle;
  };

  void listen(Stack& stack, const ListenRule& rule);
  Task accept_all(Listener listener, Handler handler, ListenerSummary& summary);
  Task serve_and_tell(Stream stream, Handler handler, const std::string& rule);

  FallbackHandle register_rule(const FallbackRule& rule);
  FallbackHandle register_proxy(const FallbackRule& rule, const ProxyTarget& target);
  FallbackDecision dial_first(const Upstream& upstream, Consultation& about);
  void dial_ended(std::uint64_t number, const Upstream& upstream, const FourTuple& tuple, DeferToken token,
                  Dial::Result result);
  [[nodiscard]] std::string_view rule_of(HandlerId handler) const;

  tun::EventLoop& loop_;
  Journal& journal_;
  std::vector<ListenerSummary> listeners_;
  Executor executor_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Dial>> dials_;
  std::uint64_t last_dial_ = 0;
  FallbackManager fallback_;
  std::vector<RuleHandle> rules_;
};

}  // namespace backstop::tools
