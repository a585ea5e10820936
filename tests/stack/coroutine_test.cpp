// The coroutine layer over two stacks on a link: nobody misses an event, and everything ends in any order.
#include "stack/coroutine.hpp"

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "stack/frame_pool.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/link.hpp"
#include "tests/support/transfer.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

// Two hosts with an executor each. The first connects, the second listens on port 80.
struct Pair {
  explicit Pair(const Conditions& conditions = {}, const TwoHosts::Change& change = {})
      : hosts(conditions, 1,
              [&](Config& config) {
                config.coroutine_memory = 256 * 1024;
                if (change) change(config);
              }),
        client(hosts.first),
        server(hosts.second),
        listener(hosts.second.listen({{}, 80}).value()) {}

  void run() {
    client.run(hosts.link.now());
    server.run(hosts.link.now());
  }
  template <class Done>
  bool run_until(Done done, Duration limit = 60s) {
    return hosts.link.run_until(
        [&] {
          run();
          return done();
        },
        limit);
  }
  bool finish(Duration limit = 60s) {
    return run_until([&] { return client.tasks() == 0 && server.tasks() == 0; }, limit);
  }
  Stream connect(std::uint16_t port = 80) {
    return hosts.first.connect({hosts.second.config().address, port}, hosts.link.now()).value();
  }
  // Octets of frames that are alive.
  std::size_t frames() {
    return static_cast<FramePool&>(hosts.first.frame_memory()).bytes_in_use() +
           static_cast<FramePool&>(hosts.second.frame_memory()).bytes_in_use();
  }

  TwoHosts hosts;
  Executor client;
  Executor server;
  Listener listener;
};

Task echo(Stream stream) {
  std::array<std::byte, 2048> buffer;
  while (auto size = co_await read(stream, buffer)) {
    if (*size == 0 || !co_await write(stream, Bytes{buffer}.first(*size))) break;
  }
}

Task serve_echo(Executor& executor, Listener& listener, int connections) {
  while (connections-- > 0) {
    auto stream = co_await accept(listener);
    if (!stream) break;
    executor.spawn(echo(std::move(*stream)));
  }
}

struct Result {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  bool right = true;
  std::optional<Error> error;
};

Task send_text(Stream& stream, std::uint64_t size, Result& result) {
  while (result.sent < size) {
    const auto piece = text(result.sent, std::min<std::uint64_t>(size - result.sent, 10'000));
    if (const auto written = co_await write(stream, piece); !written) {
      result.error = written.error();
      co_return;
    }
    result.sent += piece.size();
  }
  (void)stream.close();
}

Task receive_text(Stream& stream, Result& result) {
  while (const auto piece = co_await readable(stream)) {
    if (piece->empty()) co_return;
    result.right = result.right && is_text(result.received, *piece);
    result.received += piece->size();
    stream.consume(piece->size());
  }
  result.error = Error::connection_reset;
}

Task exchange_text(Stream stream, std::uint64_t size, Result& result) {
  if (const auto opened = co_await established(stream); !opened) {
    result.error = opened.error();
    co_return;
  }
  co_await both(send_text(stream, size, result), receive_text(stream, result));
}

TEST_CASE("Coroutines: an echo server in four lines returns a megabyte, also over a bad link", "[coroutine]") {
  const double loss = GENERATE(0.0, 0.05);
  Pair pair({.loss = loss, .duplicate = loss, .reorder = loss});
  Result result;
  pair.server.spawn(serve_echo(pair.server, pair.listener, 1));
  pair.client.spawn(exchange_text(pair.connect(), 1'000'000, result));
  REQUIRE(pair.finish(600s));
  CHECK_FALSE(result.error);
  CHECK(result.sent == 1'000'000);
  CHECK(result.received == 1'000'000);
  CHECK(result.right);
  CHECK(pair.frames() == 0);
}

TEST_CASE("Coroutines: many connections at once share one executor", "[coroutine]") {
  Pair pair;
  std::array<Result, 8> results;
  pair.server.spawn(serve_echo(pair.server, pair.listener, static_cast<int>(results.size())));
  for (Result& result : results) pair.client.spawn(exchange_text(pair.connect(), 50'000, result));
  REQUIRE(pair.finish());
  for (const Result& result : results) {
    CHECK(result.received == 50'000);
    CHECK(result.right);
  }
}

TEST_CASE("Coroutines: what has happened before the call is not waited for", "[coroutine]") {
  Pair pair;
  Stream client = pair.connect();
  Stream server;
  const auto take = [](Executor&, Listener& listener, Stream& stream) -> Task {
    stream = std::move(*co_await accept(listener));
  };
  // The connection is established, and text and FIN have come, long before anybody asks.
  REQUIRE(pair.run_until([&] { return client.state() == State::established; }));
  (void)client.write(text(0, 100));
  (void)client.close();
  (void)pair.run_until([] { return false; }, 1s);
  pair.server.spawn(take(pair.server, pair.listener, server));
  pair.run();
  REQUIRE(server);

  std::vector<std::size_t> sizes;
  const auto read_all = [](Stream& stream, std::vector<std::size_t>& got) -> Task {
    std::array<std::byte, 64> buffer;
    for (;;) {
      const auto size = co_await read(stream, buffer);
      got.push_back(size.value_or(999));
      if (got.back() == 0 || got.back() == 999) co_return;
    }
  };
  pair.server.spawn(read_all(server, sizes));
  pair.run();
  CHECK(sizes == std::vector<std::size_t>{64, 36, 0});
  CHECK(pair.server.tasks() == 0);
}

TEST_CASE("Coroutines: one stream has a reader and a writer at a time", "[coroutine]") {
  Pair pair;
  Result ours;
  Result theirs;
  const auto serve = [](Listener& listener, Result& result) -> Task {
    auto stream = co_await accept(listener);
    if (stream) co_await both(receive_text(*stream, result), send_text(*stream, 400'000, result));
  };
  pair.server.spawn(serve(pair.listener, theirs));
  pair.client.spawn(exchange_text(pair.connect(), 300'000, ours));
  REQUIRE(pair.finish());
  CHECK(ours.received == 400'000);
  CHECK(theirs.received == 300'000);
  CHECK((ours.right && theirs.right));
}

TEST_CASE("Coroutines: several tasks wait on one stream, and one that ends leaves the others waiting", "[coroutine]") {
  Pair pair;
  Stream client = pair.connect();
  bool was_established = false;
  bool was_readable = false;
  bool was_closed = false;
  const auto wait_established = [](Stream& stream, bool& done) -> Task {
    done = (co_await established(stream)).has_value();
  };
  const auto wait_readable = [](Stream& stream, bool& done) -> Task { done = !(co_await readable(stream)); };
  const auto wait_closed = [](Stream& stream, bool& done) -> Task {
    co_await closed(stream);
    done = true;
  };
  pair.client.spawn(wait_readable(client, was_readable));
  pair.client.spawn(wait_established(client, was_established));
  pair.client.spawn(wait_closed(client, was_closed));
  REQUIRE(pair.run_until([&] { return was_established; }));
  CHECK(pair.client.tasks() == 2);
  std::expected<Stream, Error> server;
  REQUIRE(pair.run_until([&] { return (server = pair.listener.accept()).has_value(); }));
  server->abort();
  REQUIRE(pair.finish());
  CHECK(was_readable);
  CHECK(was_closed);
}

TEST_CASE("Coroutines: waiting calls return what ended the connection", "[coroutine]") {
  Pair pair;
  Result refused;
  pair.client.spawn(exchange_text(pair.connect(81), 10, refused));
  REQUIRE(pair.finish());
  CHECK(refused.error == Error::connection_refused);

  std::optional<Error> error;
  const auto fill = [](Stream stream, std::optional<Error>& why) -> Task {
    for (;;) {
      const auto written = co_await write(stream, text(0, 5'000));
      if (!written) {
        why = written.error();
        co_return;
      }
    }
  };
  pair.client.spawn(fill(pair.connect(), error));
  std::expected<Stream, Error> server;
  REQUIRE(pair.run_until([&] { return (server = pair.listener.accept()).has_value(); }));
  REQUIRE_FALSE(pair.run_until([&] { return error.has_value(); }, 30s));  // nobody reads: it waits for room
  server->abort();
  REQUIRE(pair.finish());
  CHECK(error == Error::connection_reset);

  std::optional<Error> empty;
  const auto use_empty = [](Executor&, std::optional<Error>& why) -> Task {
    Stream nothing;
    why = (co_await readable(nothing)).error();
  };
  pair.client.spawn(use_empty(pair.client, empty));
  pair.run();
  CHECK(empty == Error::connection_does_not_exist);
}

TEST_CASE("Coroutines: a task awaits another, a hundred thousand times without growing the stack", "[coroutine]") {
  Pair pair;
  struct Steps {
    static Task one(Executor&, int& count) {
      ++count;
      co_return;
    }
    static Task all(Executor& executor, int& count) {
      for (int i = 0; i < 100'000; ++i) co_await one(executor, count);
    }
  };
  int count = 0;
  pair.client.spawn(Steps::all(pair.client, count));
  pair.run();
  CHECK(count == 100'000);
  CHECK(pair.client.tasks() == 0);
  CHECK(pair.frames() == 0);
}

struct Thrown : std::runtime_error {
  using std::runtime_error::runtime_error;
};

Task throw_after_wait(Stream& stream) {
  co_await established(stream);
  throw Thrown("from within");
}

TEST_CASE("Coroutines: an exception ends its own task only, and goes to who awaits it", "[coroutine]") {
  Pair pair;
  std::vector<std::string> failures;
  pair.client.on_failure([&](std::exception_ptr failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      failures.emplace_back(error.what());
    }
  });
  std::string caught;
  std::string caught_of_both;
  const auto catching = [](Stream& stream, std::string& what) -> Task {
    try {
      co_await throw_after_wait(stream);
    } catch (const Thrown& error) {
      what = error.what();
    }
  };
  const auto catching_both = [](Stream& stream, std::string& what) -> Task {
    try {
      co_await both(throw_after_wait(stream), throw_after_wait(stream));
    } catch (const Thrown& error) {
      what = error.what();
    }
  };
  Stream stream = pair.connect();
  pair.client.spawn(catching(stream, caught));
  pair.client.spawn(catching_both(stream, caught_of_both));
  pair.client.spawn(throw_after_wait(stream));
  Result other;
  pair.server.spawn(serve_echo(pair.server, pair.listener, 2));
  pair.client.spawn(exchange_text(pair.connect(), 1'000, other));
  REQUIRE(pair.run_until([&] { return pair.client.tasks() == 0; }));
  CHECK(caught == "from within");
  CHECK(caught_of_both == "from within");
  CHECK(failures == std::vector<std::string>{"from within"});
  CHECK(other.received == 1'000);
}

TEST_CASE("Coroutines: when frames are out of memory spawning fails, and nothing else", "[coroutine]") {
  Pair pair({}, [](Config& config) { config.coroutine_memory = 20 * 1024; });
  std::vector<Stream> streams;
  int spawned = 0;
  while (spawned < 100 && pair.client.spawn(echo(pair.connect()))) ++spawned;
  CHECK(spawned > 3);
  CHECK(spawned < 10);
  CHECK_FALSE(echo(Stream{}));  // nobody to take memory from

  std::optional<Error> error;
  const auto await_empty = [](Executor&, std::optional<Error>& why) -> Task {
    why = (co_await Task{}).error();
    if ((co_await both(Task{}, Task{})).error() != *why) why.reset();
  };
  Pair other;
  other.client.spawn(await_empty(other.client, error));
  other.run();
  CHECK(error == Error::insufficient_resources);
}

TEST_CASE("Coroutines: an executor that goes ends its tasks where they stand", "[coroutine]") {
  auto pair = std::make_unique<Pair>();
  int destroyed = 0;
  struct Guard {
    int& count;
    ~Guard() { ++count; }
  };
  const auto wait_for_ever = [](Stream stream, int& count) -> Task {
    const Guard guard{count};
    co_await both(throw_after_wait(stream), [](Stream& inner, int& inner_count) -> Task {
      const Guard inner_guard{inner_count};
      co_await closed(inner);
    }(stream, count));
  };
  Signal signal;
  const auto wait_for_signal = [](Executor&, Signal& what, int& count) -> Task {
    const Guard guard{count};
    co_await notified(what);
  };
  pair->client.spawn(wait_for_ever(pair->connect(), destroyed));
  pair->client.spawn(wait_for_signal(pair->client, signal, destroyed));
  pair->client.spawn(wait_for_signal(pair->client, signal, destroyed));
  pair->run();
  pair->client.spawn(wait_for_signal(pair->client, signal, destroyed));  // never resumed: it has no guard yet
  CHECK(pair->client.tasks() == 4);
  pair.reset();
  CHECK(destroyed == 4);
  signal.notify();  // to nobody
}

TEST_CASE("Coroutines: a task that is destroyed while it waits is not resumed", "[coroutine]") {
  Pair pair;
  Stream stream = pair.connect();
  bool resumed = false;
  const auto outer = [](Stream& inner, bool& done) -> Task {
    {
      Task never_awaited = throw_after_wait(inner);
      (void)never_awaited;
    }
    co_await established(inner);
    done = true;
  };
  pair.client.spawn(outer(stream, resumed));
  REQUIRE(pair.finish());
  CHECK(resumed);
  CHECK(pair.frames() == 0);
}

TEST_CASE("Coroutines: a signal given before anybody waits is not lost", "[coroutine]") {
  Pair pair;
  Signal signal;
  int count = 0;
  const auto wait_twice = [](Executor&, Signal& what, int& times) -> Task {
    co_await notified(what);
    ++times;
    co_await notified(what);
    ++times;
  };
  signal.notify();
  pair.client.spawn(wait_twice(pair.client, signal, count));
  CHECK(pair.client.next_deadline() == immediately);
  pair.run();
  CHECK(count == 1);
  CHECK_FALSE(pair.client.next_deadline());
  signal.notify();
  CHECK(pair.client.next_deadline() == immediately);
  pair.run();
  CHECK(count == 2);
}

TEST_CASE("Coroutines: observers see every event, before the tasks do, and bring deadlines", "[coroutine]") {
  struct Recorder final : Executor::Observer {
    void on_run(Instant now) override { last_run = now; }
    void on_event(const Event& event, Instant) override {
      established = established || event.what.established;
      if (event.what.established && task_done != nullptr) before_task = !*task_done;
    }
    std::optional<Instant> next_deadline() override { return deadline; }
    Instant last_run{};
    std::optional<Instant> deadline;
    bool established = false;
    bool before_task = false;
    bool* task_done = nullptr;
  };
  Pair pair;
  Stream stream = pair.connect();
  bool done = false;
  {
    Recorder recorder;
    recorder.task_done = &done;
    pair.client.attach(recorder);
    const auto wait = [](Stream& what, bool& flag) -> Task { flag = (co_await established(what)).has_value(); };
    pair.client.spawn(wait(stream, done));
    REQUIRE(pair.run_until([&] { return done; }));
    CHECK(recorder.established);
    CHECK(recorder.before_task);
    CHECK(recorder.last_run == pair.hosts.link.now());
    recorder.deadline = Instant{5s};
    CHECK(pair.client.next_deadline() == Instant{5s});
  }
  pair.run();
  CHECK_FALSE(pair.client.next_deadline());
}

TEST_CASE("Coroutines: a run ends although tasks wake each other for ever", "[coroutine]") {
  Pair pair;
  Signal ping;
  Signal pong;
  std::uint64_t turns = 0;
  const auto play = [](Executor&, Signal& mine, Signal& yours, std::uint64_t& count) -> Task {
    for (;;) {
      co_await notified(mine);
      ++count;
      yours.notify();
    }
  };
  pair.client.spawn(play(pair.client, ping, pong, turns));
  pair.client.spawn(play(pair.client, pong, ping, turns));
  pair.run();
  ping.notify();
  pair.run();
  const std::uint64_t first = turns;
  CHECK(first > 0);
  CHECK(pair.client.next_deadline() == immediately);
  pair.run();
  CHECK(turns > first);
}

}  // namespace
}  // namespace backstop::test
