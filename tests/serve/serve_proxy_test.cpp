// proxy:HOST:PORT in front of a real server: the upstream is dialled before the client is accepted, so that the client
// hears what the dial heard.
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>

#include "tests/serve/served_command.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/kernel_client.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* redis_port = "6379";

std::string no_redis_reason() {
  if (auto reason = no_kernel_tests_reason(); !reason.empty()) return reason;
  return find_program("redis-check-rdb").empty() ? "needs the package redis-tools" : "";
}

/// Redis, on the loopback of the namespace that the thread is in.
/// Why the name: the package redis-tools holds the server's program without the service that the package redis-server
/// would start on the machine. It acts as the name says that it is called by.
class Redis {
 public:
  explicit Redis(const std::string& folder)
      : process_(
            {"bash", "-c",
             "exec -a redis-server redis-check-rdb --bind 127.0.0.1 --port 6379 --save '' --dir '" + folder + "'"}) {
    REQUIRE(process_.wait_for_out("Ready to accept connections"));
  }
  void stop() {
    process_.send_signal(SIGTERM);
    REQUIRE(process_.wait() == 0);
  }

 private:
  Process process_;
};

/// What redis-cli prints when it talks to `port` of the stack.
std::string redis(const std::string& port, std::vector<std::string> words) {
  words.insert(words.begin(), {"redis-cli", "-h", "10.90.0.2", "-p", port});
  const auto finished = run(words);
  CHECK(finished.err.empty());
  return finished.out;
}

void ip(const std::string& words) { REQUIRE(run({"bash", "-c", "ip " + words}).exit_code == 0); }

/// The kernel's sockets in this namespace that wait for an answer to their SYN, with that address as their destination.
int dials_to(const std::string& address_in_hex) {
  std::ifstream table("/proc/thread-self/net/tcp");
  int count = 0;
  for (std::string line; std::getline(table, line);) {
    const bool syn_sent = line.find(" 02 ") != std::string::npos;
    if (syn_sent && line.find(" " + address_in_hex + ":") != std::string::npos) ++count;
  }
  return count;
}

/// Begins to connect from one port of the host's, and does not wait.
tun::FileDescriptor begin_connect(std::uint16_t from, std::uint16_t to) {
  tun::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(from);
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  address.sin_addr.s_addr = htonl(served_address.value);
  address.sin_port = htons(to);
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == -1);
  REQUIRE(errno == EINPROGRESS);
  return socket;
}

TEST_CASE("serve: a real server behind a proxy answers kernel clients; stopped, they are refused", "[serve][proxy]") {
  if (const auto reason = no_redis_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const TemporaryFolder folder;
  ServedCommand serve({"--fallback", "6379-6380=proxy:127.0.0.1:6379", "--fallback", "*=reject"});
  Redis server(folder.path());
  CHECK(redis(redis_port, {"set", "greeting", "hello"}) == "OK\n");
  CHECK(redis(redis_port, {"get", "greeting"}) == "hello\n");
  const std::string long_answer = redis(redis_port, {"eval", "return string.rep('x', 3000000)", "0"});
  CHECK(long_answer == std::string(3'000'000, 'x') + "\n");
  const auto load =
      run({"redis-benchmark", "-h", "10.90.0.2", "-p", redis_port, "-c", "20", "-n", "200", "-q", "-t", "set,get"});
  CHECK(load.exit_code == 0);
  CHECK(load.out.find("requests per second") != std::string::npos);

  const Connection open = connect_to({served_address, 6379});
  REQUIRE(open.error == 0);
  server.stop();
  const Transferred rest = transfer(open.socket, {.send = 0, .is_right = {}, .receive = {}});
  CHECK((rest.ended || rest.error == ECONNRESET));
  CHECK(connect_to({served_address, 6380}).error == ECONNREFUSED);
  CHECK(serve.end() == 0);
  CHECK(serve.seen(6379).resets == 0);
  CHECK(serve.seen(6380).syns == 1);
  CHECK(serve.seen(6380).syn_acks == 0);
  CHECK(serve.seen(6380).resets == 1);
}

TEST_CASE("serve: when the upstream cannot be reached the client hears why, by ICMP", "[serve][proxy]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  if (find_program("ip").empty()) BACKSTOP_SKIP("needs the package iproute2");
  ServedCommand serve({"--json", "--fallback", "1=proxy:10.97.0.1:80", "--fallback", "2=proxy:10.98.0.1:80",
                       "--fallback", "3=proxy:10.99.0.1:80"});
  ip("route add unreachable 10.98.0.0/16");
  ip("route add prohibit 10.99.0.0/16");
  CHECK(connect_to({served_address, 1}).error == ENETUNREACH);  // there is no route
  CHECK(connect_to({served_address, 2}).error == EHOSTUNREACH);
  CHECK(connect_to({served_address, 3}).error == EHOSTUNREACH);  // which is what Linux makes of "prohibited"
  CHECK(serve.end() == 0);
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{1, 2, 3}) {
    INFO(port);
    CHECK(serve.seen(port).unreachables == 1);
    CHECK(serve.seen(port).replies == 1);
  }
  CHECK(serve.process().out().find(R"("event":"dial_failed")") != std::string::npos);
  CHECK(serve.process().out().find("Network is unreachable") != std::string::npos);
}

TEST_CASE("serve: a client that gives up ends the dial of its proxy", "[serve][proxy]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  // The upstream is behind the stack too, and says nothing.
  ServedCommand serve({"--json", "--any-ip", "--fallback", "81=drop", "--fallback", "80=proxy:10.90.0.3:81"});
  const std::string upstream = "03005A0A";
  auto client = begin_connect(40'000, 80);
  REQUIRE(serve.process().wait_for_out(R"("verdict":"dropped")"));  // the dial's SYN
  CHECK(dials_to(upstream) == 1);
  // The kernel says nothing when a socket goes that has no answer yet. Who comes again from the same port does: the SYN
  // has another number.
  client.reset();
  client = begin_connect(40'000, 80);
  REQUIRE(serve.process().wait_for_out(R"("verdict":"dropped")", 2));
  CHECK(serve.process().out().find(R"("verdict":"cancelled")") != std::string::npos);
  CHECK(dials_to(upstream) == 1);
  CHECK(serve.end() == 0);  // with a flow that is still held
}

}  // namespace
}  // namespace backstop::test
