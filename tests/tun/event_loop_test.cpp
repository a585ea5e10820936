#include "tun/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "stack/coroutine.hpp"
#include "stack/poll.hpp"
#include "tests/support/packets.hpp"
#include "tests/support/socket_device.hpp"
#include "tests/support/transfer.hpp"
#include "tests/tun/packets.hpp"
#include "tun/signals.hpp"

namespace backstop::tun {
namespace {

using namespace std::chrono_literals;

Config small_config(Ipv4Address address) {
  Config config;
  config.address = address;
  config.max_connections = 16;
  config.blocks = 1024;
  config.coroutine_memory = 64 << 10;
  return config;
}

/// A loop around a stack that nothing talks to. A watchdog ends the test when the loop does not.
struct IdleLoop {
  test::SocketPair wire;
  Stack stack{small_config(right_address)};
  EventLoop loop{stack, wire.right()};
  bool timed_out = false;
  Timer watchdog = loop.call_after(20s, [this] {
    timed_out = true;
    loop.stop();
  });

  void run() {
    loop.run();
    CHECK_FALSE(timed_out);
  }
};

/// An eventfd as something to watch: readable once rung.
struct Bell {
  FileDescriptor fd{checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")};
  void ring() const {
    const std::uint64_t one = 1;
    checked(static_cast<int>(::write(fd.get(), &one, sizeof(one))), "write");
  }
};

TEST_CASE("Event loop: its clock is monotonic and counts nanoseconds") {
  const Instant first = EventLoop::now();
  Instant last = first;
  for (int i = 0; i < 1000; ++i) {
    const Instant next = EventLoop::now();
    CHECK(next >= last);
    last = next;
  }
  CHECK(last > first);
  CHECK(last - first < 10s);
}

TEST_CASE("Event loop: posted functions run in the order of the calls, those posted meanwhile too") {
  IdleLoop idle;
  std::vector<int> order;
  idle.loop.post([&] {
    order.push_back(1);
    idle.loop.post([&] {
      order.push_back(3);
      idle.loop.stop();
    });
  });
  idle.loop.post([&] { order.push_back(2); });
  idle.run();
  CHECK(order == std::vector{1, 2, 3});
}

TEST_CASE("Event loop: stop before run lets the next run return at once, and only that") {
  IdleLoop idle;
  idle.loop.stop();
  idle.run();
  bool ran = false;
  idle.loop.post([&] {
    ran = true;
    idle.loop.stop();
  });
  idle.run();
  CHECK(ran);
}

TEST_CASE("Event loop: functions posted from many threads all run, each thread's in its order", "[threads]") {
  constexpr int threads = 4;
  constexpr int each = 2000;
  IdleLoop idle;
  std::array<int, threads> next{};
  bool in_order = true;
  int left = threads * each;
  std::vector<std::jthread> posters;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    posters.emplace_back([&, thread] {
      for (int i = 0; i < each; ++i) {
        idle.loop.post([&, thread, i] {
          in_order = in_order && next[thread]++ == i;
          if (--left == 0) idle.loop.stop();
        });
      }
    });
  }
  idle.run();
  CHECK(in_order);
  CHECK(left == 0);
}

TEST_CASE("Event loop: a sleeping loop is woken by post and by stop from another thread", "[threads]") {
  IdleLoop idle;
  std::atomic<bool> ran = false;
  std::jthread other([&] {
    idle.loop.post([&] { ran = true; });
    while (!ran) std::this_thread::yield();
    idle.loop.stop();
  });
  idle.run();
  CHECK(ran);
}

TEST_CASE("Event loop: a posted function is destroyed on the loop's thread, without the lock", "[threads]") {
  IdleLoop idle;
  // Posting from a destructor would deadlock if the lock were held.
  struct PostsAtItsEnd {
    EventLoop* loop;
    explicit PostsAtItsEnd(EventLoop& owner) : loop(&owner) {}
    PostsAtItsEnd(PostsAtItsEnd&& other) noexcept : loop(std::exchange(other.loop, nullptr)) {}
    PostsAtItsEnd& operator=(PostsAtItsEnd&&) = delete;
    ~PostsAtItsEnd() {
      if (loop != nullptr) loop->post([owner = loop] { owner->stop(); });
    }
  };
  std::jthread other([&] { idle.loop.post([held = PostsAtItsEnd(idle.loop)] {}); });
  idle.run();
}

TEST_CASE("Event loop: timers fire once, in the order of their times, then of the calls") {
  IdleLoop idle;
  std::vector<int> order;
  const Instant start = EventLoop::now();
  const Timer last = idle.loop.call_after(3ms, [&] {
    order.push_back(4);
    idle.loop.stop();
  });
  const Timer second = idle.loop.call_after(1ms, [&] { order.push_back(3); });
  const Timer first = idle.loop.call_after(-5ms, [&] { order.push_back(1); });
  const Timer also_first = idle.loop.call_after(0ms, [&] { order.push_back(2); });
  idle.run();
  CHECK(order == std::vector{1, 2, 3, 4});
  CHECK(EventLoop::now() - start >= 3ms);
}

TEST_CASE("Event loop: a timer that is cancelled, destroyed or replaced does not fire") {
  IdleLoop idle;
  int fired = 0;
  Timer cancelled = idle.loop.call_after(0ms, [&] { ++fired; });
  cancelled.cancel();
  cancelled.cancel();
  {
    const Timer destroyed = idle.loop.call_after(0ms, [&] { ++fired; });
  }
  Timer replaced = idle.loop.call_after(0ms, [&] { ++fired; });
  replaced = Timer();
  Timer cancelled_by_another;
  const Timer canceller = idle.loop.call_after(0ms, [&] { cancelled_by_another.cancel(); });
  cancelled_by_another = idle.loop.call_after(0ms, [&] { ++fired; });
  Timer moved_from = idle.loop.call_after(1ms, [&] { idle.loop.stop(); });
  const Timer moved_to = std::move(moved_from);
  moved_from.cancel();  // NOLINT(bugprone-use-after-move): it names nothing
  idle.run();
  CHECK(fired == 0);
}

TEST_CASE("Event loop: a timer may set itself again and cancel itself") {
  IdleLoop idle;
  int fired = 0;
  Timer timer;
  std::function<void()> tick = [&] {
    timer.cancel();
    if (++fired == 5) return idle.loop.stop();
    timer = idle.loop.call_after(100us, [&] { tick(); });
  };
  timer = idle.loop.call_after(0ms, [&] { tick(); });
  idle.run();
  CHECK(fired == 5);
}

TEST_CASE("Event loop: a watched descriptor calls back for as long as it is ready") {
  IdleLoop idle;
  const Bell bell;
  int calls = 0;
  const Watch watch = idle.loop.watch(bell.fd.get(), EPOLLIN, [&](std::uint32_t events) {
    CHECK(events == EPOLLIN);
    if (++calls == 3) idle.loop.stop();
  });
  bell.ring();
  idle.run();
  CHECK(calls == 3);
}

TEST_CASE("Event loop: other events of the same watch") {
  IdleLoop idle;
  const Bell bell;  // writable always, readable never
  std::uint32_t seen = 0;
  Watch watch = idle.loop.watch(bell.fd.get(), EPOLLIN, [&](std::uint32_t events) {
    seen |= events;
    idle.loop.stop();
  });
  idle.loop.post([&] { watch.set_events(EPOLLOUT); });
  idle.run();
  CHECK(seen == EPOLLOUT);
}

TEST_CASE("Event loop: a watch may end itself, and others that are ready as well") {
  IdleLoop idle;
  const std::array<Bell, 3> bells;
  std::array<Watch, 3> watches;
  int calls = 0;
  for (std::size_t i = 0; i < bells.size(); ++i) {
    watches[i] = idle.loop.watch(bells[i].fd.get(), EPOLLIN, [&, state = std::make_unique<int>(7)](std::uint32_t) {
      ++calls;
      for (Watch& watch : watches) watch.reset();
      CHECK(*state == 7);  // what the callback holds lives until it returns
      idle.loop.post([&] { idle.loop.stop(); });
    });
    bells[i].ring();
  }
  idle.run();
  CHECK(calls == 1);
}

TEST_CASE("Event loop: a watch begun in a callback, on a descriptor that another just gave back") {
  IdleLoop idle;
  const Bell bell;
  bell.ring();
  std::vector<int> order;
  Watch watch;
  watch = idle.loop.watch(bell.fd.get(), EPOLLIN, [&](std::uint32_t) {
    order.push_back(1);
    watch.reset();
    watch = idle.loop.watch(bell.fd.get(), EPOLLIN, [&](std::uint32_t) {
      order.push_back(2);
      watch.reset();
      idle.loop.stop();
    });
  });
  idle.run();
  CHECK(order == std::vector{1, 2});
}

TEST_CASE("Event loop: what epoll cannot wait for is an error that names it") {
  IdleLoop idle;
  const Bell bell;
  const Watch watch = idle.loop.watch(bell.fd.get(), EPOLLIN, [](std::uint32_t) {});
  const std::string descriptor = std::to_string(bell.fd.get());
  CHECK_THROWS_WITH(idle.loop.watch(bell.fd.get(), EPOLLIN, [](std::uint32_t) {}),
                    "epoll_ctl on descriptor " + descriptor + ": File exists");
  CHECK_THROWS_WITH(idle.loop.watch(-1, EPOLLIN, [](std::uint32_t) {}),
                    "epoll_ctl on descriptor -1: Bad file descriptor");
}

TEST_CASE("Event loop: what a callback throws leaves run, and nothing else is lost") {
  IdleLoop idle;
  int calls = 0;
  idle.loop.post([] { throw std::runtime_error("posted"); });
  idle.loop.post([&] { ++calls; });
  const Timer throwing = idle.loop.call_after(0ms, [] { throw std::runtime_error("timer"); });
  const Timer stopping = idle.loop.call_after(1ms, [&] { idle.loop.stop(); });
  CHECK_THROWS_WITH(idle.loop.run(), "posted");
  CHECK(calls == 0);
  CHECK_THROWS_WITH(idle.loop.run(), "timer");
  CHECK(calls == 1);
  idle.run();
}

TEST_CASE("Event loop: the hook says when it wants to be called next") {
  IdleLoop idle;
  std::vector<Instant> times;
  idle.loop.on_turn([&](Instant now) -> std::optional<Instant> {
    times.push_back(now);
    if (times.size() == 5) idle.loop.stop();
    return now + 1ms;
  });
  idle.run();
  CHECK(std::ranges::is_sorted(times));
  CHECK(times.back() - times.front() >= 4ms);
}

TEST_CASE("Event loop: the hook hears of a deadline in the turn that met it") {
  IdleLoop idle;
  ConnectionOptions impatient;
  impatient.user_timeout = 1ms;
  auto listener = idle.stack.listen({{}, 7}, {.connections = impatient});
  Stack peer(small_config(left_address));
  const auto peers_end = peer.connect({right_address, 7}, EventLoop::now());
  std::expected<Stream, Error> stream;
  Instant before{};
  std::optional<bool> same_turn;
  idle.loop.on_turn([&](Instant now) -> std::optional<Instant> {
    while (const auto event = idle.stack.next_event()) {
      if (event->what.acceptable) {
        stream = listener->accept();
        CHECK(stream->write(std::array{std::byte{1}}));
      }
      if (event->what.closed) {
        same_turn = now == before;
        idle.loop.stop();
      }
    }
    before = now;
    if (*stream) return std::nullopt;
    poll(peer, idle.wire.left(), now);  // No longer than it takes to connect: the text is never acknowledged.
    return now;
  });
  idle.run();
  CHECK(same_turn == true);
}

TEST_CASE("Event loop: an idle loop sleeps") {
  IdleLoop idle;
  int turns = 0;
  idle.loop.on_turn([&](Instant) -> std::optional<Instant> {
    ++turns;
    return std::nullopt;
  });
  const Timer end = idle.loop.call_after(30ms, [&] { idle.loop.stop(); });
  idle.run();
  CHECK(turns < 20);  // two calls a turn; a loop that does not sleep has thousands
}

/// A device that always has one more packet.
class Flood final : public Device {
 public:
  std::optional<InboundPacket> receive() override { return InboundPacket{packet_, {}}; }
  void send(const OutboundPacket&) override {}
  [[nodiscard]] int fd() const override { return ready_.fd.get(); }
  [[nodiscard]] std::uint16_t mtu() const override { return 1500; }
  Flood() { ready_.ring(); }

 private:
  std::vector<std::byte> packet_ = TestPacket(1000).flat();
  Bell ready_;
};

TEST_CASE("Event loop: a flood of packets starves neither posts, timers nor watches") {
  Flood flood;
  Stack stack(small_config(left_address));  // The packets are for somebody else.
  EventLoop loop(stack, flood);
  const Bell bell;
  bell.ring();
  int watched = 0;
  int posted = 0;
  bool fired = false;
  const Watch watch = loop.watch(bell.fd.get(), EPOLLIN, [&](std::uint32_t) { ++watched; });
  const Timer timer = loop.call_after(1ms, [&] { fired = true; });
  std::function<void()> post_again = [&] {
    ++posted;
    if (posted >= 100 && watched >= 100 && fired) return loop.stop();
    loop.post(post_again);
  };
  loop.post(post_again);
  loop.run();
  CHECK(fired);
  CHECK(posted < 10 * watched);
  CHECK(stack.statistics().packets_received >= 100);
}

/// A device that tells nobody what it has: a packet at once, and one more for every hundred times that it is asked.
class Silent final : public Device {
 public:
  std::optional<InboundPacket> receive() override {
    if (asked_++ % every != 0) return std::nullopt;
    return InboundPacket{packet_, {}};
  }
  void send(const OutboundPacket&) override {}
  [[nodiscard]] int fd() const override { return never_.fd.get(); }
  [[nodiscard]] std::uint16_t mtu() const override { return 1500; }

 private:
  static constexpr int every = 100;
  int asked_ = 0;
  std::vector<std::byte> packet_ = TestPacket(1000).flat();
  Bell never_;
};

TEST_CASE("Event loop: busy polling asks the device without being told, and still turns to the others") {
  Silent silent;
  Stack stack(small_config(left_address));
  EventLoop loop(stack, silent);
  loop.busy_poll(1h);
  const Bell bell;
  bell.ring();
  int watched = 0;
  bool fired = false;
  const Watch watch = loop.watch(bell.fd.get(), EPOLLIN, [&](std::uint32_t) {
    ++watched;
    if (fired && stack.statistics().packets_received >= 5) loop.stop();
  });
  const Timer timer = loop.call_after(1ms, [&] { fired = true; });
  bool timed_out = false;
  const Timer watchdog = loop.call_after(20s, [&] {
    timed_out = true;
    loop.stop();
  });
  loop.run();
  CHECK_FALSE(timed_out);
  CHECK(watched > 0);
  CHECK(stack.statistics().packets_received >= 5);
}

TEST_CASE("Event loop: after its time busy polling ends, and the loop sleeps") {
  Silent silent;
  Stack stack(small_config(left_address));
  EventLoop loop(stack, silent);
  loop.busy_poll(1us);
  int turns = 0;
  loop.on_turn([&](Instant) -> std::optional<Instant> {
    ++turns;
    return std::nullopt;
  });
  const Timer end = loop.call_after(30ms, [&] { loop.stop(); });
  loop.run();
  CHECK(stack.statistics().packets_received == 1);
  CHECK(turns < 40);
}

TEST_CASE("Event loop: signals become calls, and get their old meaning back") {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  std::vector<int> seen;
  {
    IdleLoop idle;
    const SignalWatch signals(idle.loop, {SIGUSR1, SIGUSR2}, [&](int signal) {
      seen.push_back(signal);
      if (seen.size() == 2) idle.loop.stop();
    });
    ::raise(SIGUSR2);
    idle.loop.post([] { ::raise(SIGUSR1); });
    idle.run();
  }
  std::ranges::sort(seen);
  CHECK(seen == std::vector{SIGUSR1, SIGUSR2});
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  CHECK(sigismember(&after, SIGUSR1) == sigismember(&before, SIGUSR1));
  CHECK(sigismember(&after, SIGUSR2) == sigismember(&before, SIGUSR2));
}

Task serve_echo(Stream stream) {
  std::array<std::byte, 2048> buffer;
  while (const auto size = co_await read(stream, buffer)) {
    if (*size == 0 || !co_await write(stream, Bytes{buffer}.first(*size))) break;
  }
}

Task accept_all(Executor& executor, Listener listener) {
  while (auto stream = co_await accept(listener)) executor.spawn(serve_echo(std::move(*stream)));
}

TEST_CASE("Event loop: two stacks in two threads echo a megabyte through a pair of sockets", "[threads]") {
  constexpr std::uint64_t size = 1 << 20;
  test::SocketPair wire;
  Stack server(small_config(right_address));
  Executor executor(server);
  EventLoop loop(server, wire.right());
  loop.drive(executor);
  executor.spawn(accept_all(executor, server.listen({{}, 7}).value()));
  std::jthread server_thread([&] { loop.run(); });

  Stack client(small_config(left_address));
  EventLoop client_loop(client, wire.left());
  Stream stream = client.connect({right_address, 7}, EventLoop::now()).value();
  test::Source source(stream, size);
  test::Sink sink(stream);
  bool timed_out = false;
  const Timer watchdog = client_loop.call_after(30s, [&] {
    timed_out = true;
    client_loop.stop();
  });
  client_loop.on_turn([&](Instant) -> std::optional<Instant> {
    while (client.next_event()) continue;
    if (stream.state() != State::syn_sent) source.run();  // which closes: in SYN-SENT that gives up
    sink.run();
    if (sink.ended() || sink.error() || source.error()) client_loop.stop();
    return std::nullopt;
  });
  client_loop.run();
  loop.stop();
  server_thread.join();

  CHECK_FALSE(timed_out);
  CHECK_FALSE(source.error());
  CHECK_FALSE(sink.error());
  CHECK(sink.right());
  CHECK(sink.received() == size);
}

}  // namespace
}  // namespace backstop::tun
