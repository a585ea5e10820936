// The handlers of `backstop serve`, over a cable in memory and in virtual time.
#include "tools/serve/handlers.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/link.hpp"
#include "tests/support/transfer.hpp"

using namespace backstop;
using namespace backstop::tools;
using namespace std::chrono_literals;

namespace {

using Serve = std::function<Task(Stream)>;

Task accept_all(Listener listener, Executor& executor, Serve serve) {
  while (auto stream = co_await accept(listener)) executor.spawn(serve(std::move(*stream)));
}

/// A client's stack, and one that serves.
class Bench {
 public:
  explicit Bench(Handler handler, const test::Conditions& conditions = {})
      : Bench([handler](Stream stream) { return serve_connection(handler, std::move(stream)); }, conditions) {}
  explicit Bench(Serve serve, const test::Conditions& conditions = {})
      : hosts_(conditions, 7, {}, [](Config& config) { config.coroutine_memory = 1 << 16; }), executor_(hosts_.second) {
    REQUIRE(executor_.spawn(accept_all(hosts_.second.listen({{}, 7}).value(), executor_, std::move(serve))));
  }

  Stream connect() {
    auto stream = hosts_.first.connect({hosts_.second.config().address, 7}, hosts_.link.now()).value();
    REQUIRE(run_until([&] { return stream.state() == State::established; }));
    return stream;
  }
  bool run_until(const std::function<bool()>& done) {
    const auto run_and_ask = [&] {
      executor_.run(hosts_.link.now());
      return done();
    };
    return hosts_.link.run_until(run_and_ask, 600s);
  }
  /// What the server sends until it ends its text, or the error that ended it.
  std::string read_to_end(Stream& stream) {
    std::string all;
    const bool ended = run_until([&] { return read_some(stream, all); });
    CHECK(ended);
    return all;
  }
  std::string read_exactly(Stream& stream, std::size_t size) {
    std::string all;
    const bool there = run_until([&] { return read_some(stream, all) || all.size() >= size; });
    CHECK(there);
    return all;
  }
  void write(Stream& stream, std::string_view text) {
    while (!text.empty()) {
      REQUIRE(run_until([&] {
        const auto taken = stream.write(std::as_bytes(std::span{text}));
        if (taken) text.remove_prefix(*taken);
        return taken || taken.error() != Error::would_block;
      }));
    }
  }
  [[nodiscard]] Stack& server() { return hosts_.second; }
  [[nodiscard]] Executor& executor() { return executor_; }

 private:
  /// Reads what is there; true at the end.
  static bool read_some(Stream& stream, std::string& all) {
    std::array<std::byte, 4096> buffer;
    while (true) {
      const auto got = stream.read(buffer);
      if (!got) return got.error() != Error::would_block;
      if (*got == 0) return true;
      all.append(reinterpret_cast<const char*>(buffer.data()), *got);
    }
  }

  test::TwoHosts hosts_;
  Executor executor_;
};

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

constexpr std::uint32_t tasks_at_rest = 1;  // who accepts

}  // namespace

TEST_CASE("Echo sends back every octet over a bad link, and the end of text", "[serve]") {
  Bench bench(Handler::echo, {.delay = 2ms, .loss = 0.05, .duplicate = 0.02, .reorder = 0.02});
  Stream stream = bench.connect();
  test::Source source(stream, 300'000);
  test::Sink sink(stream);
  REQUIRE(bench.run_until([&] {
    source.run();
    sink.run();
    return sink.ended() || sink.error();
  }));
  CHECK(sink.received() == 300'000);
  CHECK(sink.right());
  CHECK(sink.ended());
  CHECK(bench.executor().tasks() == tasks_at_rest);
}

TEST_CASE("Echo waits for a client that does not read, and loses nothing", "[serve]") {
  Bench bench(Handler::echo);
  Stream stream = bench.connect();
  const std::uint64_t size = 6 << 20;  // more than all buffers on the way hold
  test::Source source(stream, size);
  CHECK_FALSE(bench.run_until([&] {
    source.run();
    return source.closed();
  }));
  test::Sink sink(stream);
  REQUIRE(bench.run_until([&] {
    source.run();
    sink.run();
    return sink.ended() || sink.error();
  }));
  CHECK(sink.received() == size);
  CHECK(sink.right());
}

TEST_CASE("Discard takes everything, sends nothing, and closes when the client does", "[serve]") {
  Bench bench(Handler::discard);
  Stream stream = bench.connect();
  test::Source source(stream, 3 << 20);
  REQUIRE(bench.run_until([&] {
    source.run();
    return source.closed();
  }));
  CHECK(bench.read_to_end(stream).empty());
  CHECK(bench.server().statistics().bytes_received == 3 << 20);
  CHECK(bench.executor().tasks() == tasks_at_rest);
}

TEST_CASE("Chargen's text is RFC 864's pattern, and repeats", "[serve]") {
  std::vector<std::byte> text(3 * chargen_period);
  fill_with_chargen(0, text);
  const std::string_view first_line(reinterpret_cast<const char*>(text.data()), chargen_line);
  CHECK(first_line == " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n");
  CHECK(text[chargen_line] == std::byte{'!'});
  CHECK(text[94 * chargen_line] == std::byte{'~'});
  for (const std::uint64_t position :
       {std::uint64_t{1}, std::uint64_t{chargen_period - 1}, std::uint64_t{chargen_period} * 1'000'000'000 + 73}) {
    std::vector<std::byte> part(chargen_period + 5);
    fill_with_chargen(position, part);
    CHECK(std::equal(part.begin(), part.end(), text.begin() + static_cast<std::ptrdiff_t>(position % chargen_period)));
  }
}

TEST_CASE("Chargen sends its text without a gap over a bad link, whatever it is told", "[serve]") {
  Bench bench(Handler::chargen, {.delay = 2ms, .loss = 0.05, .duplicate = 0.02, .reorder = 0.02});
  Stream stream = bench.connect();
  bench.write(stream, "stop");
  const std::string got = bench.read_exactly(stream, 200'000);
  std::vector<std::byte> expected(got.size());
  fill_with_chargen(0, expected);
  CHECK(std::ranges::equal(std::as_bytes(std::span{got}), expected));
}

TEST_CASE("Chargen ends when the client goes", "[serve]") {
  Bench bench(Handler::chargen);
  Stream stream = bench.connect();
  bench.read_exactly(stream, 10'000);
  stream.abort();
  CHECK(bench.run_until([&] { return bench.executor().tasks() == tasks_at_rest; }));
}

TEST_CASE("A banner is sent whole, then the end of text, whatever the client says", "[serve]") {
  const std::string text(100'000, 'b');  // more than one window
  Bench bench([&text](Stream stream) { return banner(std::move(stream), text); }, {.delay = 2ms, .loss = 0.05});
  Stream stream = bench.connect();
  bench.write(stream, "EHLO there\r\n");
  CHECK(bench.read_to_end(stream) == text);
  CHECK(stream.peek().value().empty());  // an end of text, and no reset
  CHECK(stream.close());
  CHECK(bench.run_until([&] { return bench.executor().tasks() == tasks_at_rest; }));
}

TEST_CASE("HTTP: a request gets the page, and the connection stays for the next", "[serve][http]") {
  Bench bench(Handler::http);
  Stream stream = bench.connect();
  bench.write(stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string first = bench.read_exactly(stream, 500);
  CHECK(first.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(first.find("reached 10.0.0.2:7") != std::string::npos);
  CHECK(first.find("ESTABLISHED") != std::string::npos);
  bench.write(stream, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string second = bench.read_to_end(stream);
  CHECK(second.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(second.find("\r\nConnection: close\r\n") != std::string::npos);
}

TEST_CASE("HTTP: requests that come at once are answered in turn", "[serve][http]") {
  Bench bench(Handler::http);
  Stream stream = bench.connect();
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
  requests += "GET / HTTP/1.0\r\n\r\n";
  bench.write(stream, requests);
  CHECK(count_of(bench.read_to_end(stream), "HTTP/1.1 200 OK\r\n") == 51);
}

TEST_CASE("HTTP: a request that comes an octet at a time is answered all the same", "[serve][http]") {
  Bench bench(Handler::http);
  Stream stream = bench.connect();
  stream.set_no_delay(true);
  for (const char c : std::string_view("GET / HTTP/1.0\r\n\r\n")) bench.write(stream, {&c, 1});
  CHECK(bench.read_to_end(stream).starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("HTTP: who sends nonsense or too much still gets the answer, and then the end", "[serve][http]") {
  const auto [text, status] = GENERATE(table<std::string, std::string>({
      {"\x16\x03\x01 hello\r\n\r\n", "HTTP/1.1 400 "},
      {"GET /" + std::string(400'000, 'a'), "HTTP/1.1 414 "},
      {"GET / HTTP/1.1\r\nA: " + std::string(400'000, 'a'), "HTTP/1.1 431 "},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n" + std::string(400'000, 'a'), "HTTP/1.1 405 "},
  }));
  Bench bench(Handler::http);
  Stream stream = bench.connect();
  bench.write(stream, text);
  CHECK(bench.read_to_end(stream).starts_with(status));
  CHECK(stream.peek().value().empty());  // an end of text, and no reset
  CHECK(stream.close());
  CHECK(bench.run_until([&] { return bench.executor().tasks() == tasks_at_rest; }));
}

TEST_CASE("HTTP: a client that goes in the middle of its request leaves nothing behind", "[serve][http]") {
  Bench bench(Handler::http);
  Stream stream = bench.connect();
  bench.write(stream, "GET / HT");
  CHECK(stream.close());
  CHECK(bench.run_until([&] { return bench.executor().tasks() == tasks_at_rest; }));
  CHECK(bench.read_to_end(stream).empty());
}
