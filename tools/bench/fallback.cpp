// What it costs to be caught: a connection to a port that only a fallback handler takes, against one to a listener's.
#include "fallback/manager.hpp"
#include "stack/coroutine.hpp"
#include "tools/bench/catalogue.hpp"
#include "tools/bench/pair.hpp"

namespace backstop::tools::bench {
namespace {

constexpr std::uint16_t listener_port = 7;
constexpr std::uint16_t caught_port = 8;

/// Waits for the peer's end of the connection.
Task wait_for_end(Stream stream) {
  while (const auto text = co_await readable(stream)) {
    if (text->empty()) break;
    stream.consume(text->size());
  }
}

/// Connects until the server's handler runs, and resets the connection.
class Caught final : public Work {
 public:
  explicit Caught(std::uint16_t port)
      : port_(port), executor_(pair_.server()), fallback_(pair_.server(), executor_), handle_(catch_port()) {
    auto listener = pair_.server().listen({{}, listener_port});
    require(listener.has_value(), "the port is taken");
    executor_.spawn(accept_all(executor_, std::move(*listener)));
  }

  void run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) one();
  }

 private:
  FallbackHandle catch_port() {
    return fallback_.register_handler([](const Endpoint&, const Endpoint& destination) {
      return destination.port == caught_port ? FallbackDecision::accept(wait_for_end) : FallbackDecision::decline();
    });
  }

  static Task accept_all(Executor& executor, Listener listener) {
    while (auto stream = co_await accept(listener)) executor.spawn(wait_for_end(std::move(*stream)));
  }

  void one() {
    auto near = pair_.client().connect({server_address, port_}, pair_.now());
    require(near.has_value(), "no connection can be opened");
    exchange();  // SYN; SYN,ACK
    exchange();  // ACK
    require(near->state() == State::established && executor_.tasks() == 2, "the connection is not served");
    near->abort();
    exchange();  // RST
    require(executor_.tasks() == 1, "the connection is still served");
    pair_.tick();
  }

  void exchange() {
    pair_.to_server();
    executor_.run(pair_.now());
    pair_.to_client();
    while (pair_.client().next_event()) {
    }
  }

  std::uint16_t port_;
  Pair pair_;
  Executor executor_;
  FallbackManager fallback_;
  FallbackHandle handle_;
};

Case caught(std::string name, std::string what, std::string reference, std::uint16_t port) {
  return {.name = std::move(name),
          .what = std::move(what),
          .reference = std::move(reference),
          .unit = Unit::nanoseconds,
          .make = [port] { return std::make_unique<Caught>(port); }};
}

}  // namespace

void add_fallback(Catalogue& catalogue) {
  catalogue.push_back(caught("connect-listener", "connect to a listener, and reset", "", listener_port));
  catalogue.push_back(caught("connect-fallback", "connect to a port that a fallback handler takes, and reset",
                             "connect-listener", caught_port));
}

}  // namespace backstop::tools::bench
