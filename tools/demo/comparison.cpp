#include "tools/demo/comparison.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "tools/serve/handlers.hpp"
#include "tools/table.hpp"

namespace backstop::tools {
namespace {

constexpr std::uint16_t first_port = 8001;
constexpr std::uint16_t last_port = 8003;
constexpr std::uint16_t caught_offset = 1000;  // the ports of the second round: new ones, too

/// What many embedders do: an unmatched SYN is answered by nobody, its port gets a listener, and the client's
/// retransmitted SYN finds that.
class ListenerPerPort {
 public:
  explicit ListenerPerPort(DemoHost& host)
      : host_(host),
        tap_(host.stack.attach_tap({.segment = {}, .unmatched_syn = [this](const SynInfo& syn, Instant) { open(syn); }},
                                   {.suppress_rst = true})) {}

 private:
  void open(const SynInfo& syn) {
    auto listener = host_.stack.listen({{}, syn.tuple.local.port});
    if (listener) host_.executor.spawn(serve(host_.executor, std::move(*listener)));
  }
  static Task serve(Executor& executor, Listener listener) {
    while (auto stream = co_await accept(listener)) executor.spawn(echo(std::move(*stream)));
  }

  DemoHost& host_;
  Tap tap_;
};

struct Measured {
  Attempt attempt;
  Seen seen;
};

class Comparison {
 public:
  Comparison(Stage& stage, std::ostream& out) : stage_(stage), out_(out) {}

  bool play() {
    out_ << "\nPorts that nobody listens on, a listener each when its SYN has come, or a fallback handler:\n\n";
    std::vector<Row> rows{{"", "a listener per port", "", "the fallback handler", ""},
                          {"connection", "connect time", "SYNs", "connect time", "SYNs"}};
    const auto listeners = per_port();
    const auto caught = by_fallback();
    for (std::size_t i = 0; i < caught.size(); ++i) {
      rows.push_back({std::to_string(i + 1), milliseconds(listeners[i]), std::to_string(listeners[i].seen.syns),
                      milliseconds(caught[i]), std::to_string(caught[i].seen.syns)});
    }
    out_ << aligned(rows);
    const bool good = all_served(listeners, 2) && all_served(caught, 1);
    out_ << (good ? "\nThe listener waits for the SYN that the client sends again after a second; the handler needs "
                    "none.\n"
                  : "\nFAILED: not every connection was served with the SYNs that its way needs.\n");
    return good;
  }

 private:
  std::vector<Measured> per_port() {
    std::optional<ListenerPerPort> way;
    stage_.on_stack([&] { way.emplace(stage_.host()); });
    auto measured = connect_to_all(0);
    stage_.on_stack([&] { way.reset(); });
    return measured;
  }

  std::vector<Measured> by_fallback() {
    FallbackHandle handle;
    stage_.on_stack([&] {
      handle = stage_.host().fallback.register_handler(
          [](const Endpoint&, const Endpoint&) { return FallbackDecision::accept(echo); });
    });
    return connect_to_all(caught_offset);
  }

  std::vector<Measured> connect_to_all(std::uint16_t offset) {
    std::vector<Measured> measured;
    for (std::uint16_t port = first_port; port <= last_port; ++port) {
      const auto to = static_cast<std::uint16_t>(port + offset);
      auto attempt = stage_.talk(to, "hello\n");
      measured.push_back({std::move(attempt), stage_.recorder().seen(to)});
    }
    return measured;
  }

  static bool all_served(const std::vector<Measured>& measured, int syns) {
    return std::ranges::all_of(
        measured, [syns](const Measured& one) { return one.attempt.answer == "hello\n" && one.seen.syns == syns; });
  }

  static std::string milliseconds(const Measured& one) {
    if (one.attempt.end != Attempt::End::connected) return "never";
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3f ms", static_cast<double>(one.attempt.time.count()) / 1e6);
    return text.data();
  }

  Stage& stage_;
  std::ostream& out_;
};

}  // namespace

bool play_comparison(Stage& stage, std::ostream& out) { return Comparison{stage, out}.play(); }

}  // namespace backstop::tools
