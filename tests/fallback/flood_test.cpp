// A flood of SYNs from sources that are not there, at every rate, while real clients connect to a listener or to a port
// that only the fallback serves. BACKSTOP_FLOOD_SYNS says how many SYNs there are at each rate.
#include <cstdlib>

#include "tests/fallback/bench.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;
using wire::Flag;

constexpr std::uint16_t listened_port = 80;
constexpr Endpoint client{Scenario::default_remote.address, 1024};

std::uint64_t syns_at_each_rate() {
  const char* const wanted = std::getenv("BACKSTOP_FLOOD_SYNS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 20'000;
}

Config configuration() {
  Config config;
  config.address = Scenario::default_local.address;
  config.max_listeners = 1;
  config.blocks = 1024;
  config.coroutine_memory = 256 * 1024;
  return config;
}

Task serve(Executor& executor, Listener& listener) {
  while (auto stream = co_await accept(listener)) executor.spawn(echo_text(std::move(*stream)));
}

class Flood {
 public:
  explicit Flood(std::uint16_t port)
      : port_(port),
        stack_(configuration(), stack_memory_),
        executor_(stack_),
        manager_(stack_, executor_, {}, memory_) {
    listener_ = stack_.listen({{}, listened_port}).value();
    executor_.spawn(serve(executor_, listener_));
    handle_ = manager_.register_handler([](const SynInfo&) { return FallbackDecision::accept(echo_text); });
    turn();
    stack_memory_.seal();
    memory_.seal();
  }

  /// So many SYNs at this rate, twenty clients among them. The loop turns once a millisecond.
  void run(std::uint64_t count, std::uint32_t per_second) {
    const std::uint64_t in_a_turn = std::max<std::uint64_t>(per_second / 1000, 1);
    for (std::uint64_t sent = 1; sent <= count; ++sent) {
      syn_from({Ipv4Address{0x6440'0000 + static_cast<std::uint32_t>(random_.below(1u << 22))},
                static_cast<std::uint16_t>(1 + random_.below(65'535))});
      now_ += 1s / Duration::rep{per_second};
      if (sent % in_a_turn == 0) turn();
      if (sent % (count / 20) == 0) client_connects();
    }
  }

  [[nodiscard]] Stack& stack() { return stack_; }
  [[nodiscard]] const FallbackManager& manager() const { return manager_; }
  [[nodiscard]] std::uint64_t syns() const { return syns_; }
  [[nodiscard]] std::uint32_t most_connections() const { return most_connections_; }
  [[nodiscard]] std::size_t memory_taken() const { return stack_memory_.taken(); }

 private:
  void client_connects() {
    const SeqNum isn{static_cast<std::uint32_t>(random_.next())};
    for (int attempt = 1; attempt <= 2 && !is_syn_ack(isn); ++attempt) {
      syn_from(client, isn);
      turn();
    }
    REQUIRE(is_syn_ack(isn));
    const SeqNum first = answer_.ack;
    const SeqNum iss = answer_.seq;
    deliver(client, {.seq = first, .ack = iss + 1, .flags = Flag::ack | Flag::psh, .text = text_});
    turn();
    turn();  // what was echoed
    REQUIRE(answer_.ack == first + 5);
    REQUIRE_FALSE(answer_.rst());
    deliver(client, {.seq = first + 5, .ack = iss + 6, .flags = Flag::rst});
    turn();
  }
  [[nodiscard]] bool is_syn_ack(SeqNum isn) const { return answer_.syn() && answer_.ack == isn + 1; }

  void syn_from(const Endpoint& source) { syn_from(source, SeqNum{static_cast<std::uint32_t>(random_.next())}); }
  void syn_from(const Endpoint& source, SeqNum isn) {
    ++syns_;
    deliver(source, {.seq = isn, .flags = Flag::syn});
  }
  void deliver(const Endpoint& source, wire::Segment segment) {
    segment.source_port = source.port;
    segment.destination_port = port_;
    segment.window = 65'535;
    stack_.receive({tcp_packet({.source = source.address, .destination = stack_.config().address}, segment), {}}, now_);
  }

  void turn() {
    executor_.run(now_);
    while (const auto packet = stack_.transmit(now_)) {
      if (wire::load32(packet->headers, 16) != client.address.value) continue;
      const Packet bytes = flatten(*packet);
      answer_ = *wire::parse_segment(*wire::parse_ipv4(bytes));
      answer_.text = {};
    }
    most_connections_ = std::max(most_connections_, stack_.connections());
  }

  std::uint16_t port_;
  Random random_{1};
  std::vector<std::byte> text_ = text(0, 5);
  SealedMemory stack_memory_;
  SealedMemory memory_;
  Stack stack_;
  Executor executor_;
  Listener listener_;
  FallbackManager manager_;
  FallbackHandle handle_;
  Instant now_{1h};
  wire::Segment answer_;  // the last to the client
  std::uint64_t syns_ = 0;
  std::uint32_t most_connections_ = 0;
};

std::uint32_t rates() { return GENERATE(1'000u, 10'000u, 100'000u, 1'000'000u); }

TEST_CASE("Fallback: under a flood of SYNs memory is bounded, and every client connects", "[fallback-41][flood]") {
  Flood flood(7);
  flood.run(syns_at_each_rate(), rates());
  const FallbackCounters& counters = flood.manager().counters();
  const FallbackGauges& gauges = flood.manager().gauges();
  CHECK(counters.established == 20);
  CHECK(counters.of(Verdict::cookie) == flood.stack().statistics().syn_cookies_sent);
  CHECK(counters.cookies == flood.stack().statistics().syn_cookies_taken);
  CHECK(counters.syns == flood.syns());
  std::uint64_t outcomes = counters.absorbed + counters.repeated + gauges.pending;
  for (const std::uint64_t verdict : counters.verdicts) outcomes += verdict;
  CHECK(outcomes == counters.syns + counters.cookies);
  CHECK(counters.handshakes_failed + counters.established + gauges.half_open == counters.of(Verdict::accepted));
  CHECK(flood.most_connections() <= FallbackOptions{}.cookies_from + 1);
  CHECK(flood.memory_taken() <= Stack::required_memory(configuration()));
}

TEST_CASE("SYN cookies: under a flood of SYNs memory is bounded, and every client connects", "[4987][flood]") {
  Flood flood(listened_port);
  flood.run(syns_at_each_rate(), rates());
  const Statistics& statistics = flood.stack().statistics();
  CHECK(statistics.connections_established == 20);
  const std::uint64_t kept = statistics.passive_opens - statistics.syn_cookies_taken;
  CHECK(kept + statistics.syn_cookies_sent == flood.syns());
  CHECK(statistics.syn_cookies_sent > flood.syns() / 2);
  CHECK(flood.most_connections() <= configuration().syn_cookies_from + 1);
  CHECK(flood.memory_taken() <= Stack::required_memory(configuration()));
  CHECK(flood.manager().counters().syns == 0);
}

}  // namespace
}  // namespace backstop::test
