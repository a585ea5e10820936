// The rules of `backstop serve` beyond the plain ones, as the kernel's clients meet them: refusals by ICMP, delays,
// banners, the honeypot, limits, and rules in a file.
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/serve/served_command.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/kernel_client.hpp"
#include "tests/support/packets.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// All that comes until the end of text.
std::string hear(const Connection& connection) {
  std::string heard;
  const auto keep = [&heard](std::uint64_t, Bytes octets) {
    heard.append(reinterpret_cast<const char*>(octets.data()), octets.size());
    return true;
  };
  const Transferred done = transfer(connection.socket, {.send = 0, .is_right = keep, .receive = {}});
  CHECK(done.ended);
  return heard;
}

/// Says `text` and nothing more, and waits for the end.
void say(std::uint16_t port, std::string_view text) {
  const Connection connection = connect_to({served_address, port});
  REQUIRE(connection.error == 0);
  REQUIRE(::send(connection.socket.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  CHECK(hear(connection).empty());
}

bool echoes(const Connection& connection) {
  REQUIRE(::send(connection.socket.get(), "x", 1, 0) == 1);
  const Transferred done = transfer(connection.socket, {.send = 0, .is_right = {}, .receive = 1});
  return done.received == 1 && done.error == 0;
}

int error_of(const Connection& connection) {
  int error = 0;
  socklen_t size = sizeof error;
  REQUIRE(::getsockopt(connection.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0);
  return error;
}

TEST_CASE("serve: unreachable is an ICMP error that the client's connect returns", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--fallback", "1=unreachable", "--fallback", "2=unreachable:net", "--fallback",
                       "3=unreachable:host", "--fallback", "4=unreachable:port", "--fallback", "5=unreachable:admin"});
  CHECK(connect_to({served_address, 1}).error == ECONNREFUSED);
  CHECK(connect_to({served_address, 2}).error == ENETUNREACH);
  CHECK(connect_to({served_address, 3}).error == EHOSTUNREACH);
  CHECK(connect_to({served_address, 4}).error == ECONNREFUSED);
  CHECK(connect_to({served_address, 5}).error == EHOSTUNREACH);
  CHECK(serve.end() == 0);
  for (std::uint16_t port = 1; port <= 5; ++port) {
    INFO(port);
    CHECK(serve.seen(port).syns == 1);
    CHECK(serve.seen(port).unreachables == 1);
    CHECK(serve.seen(port).replies == 1);
  }
}

TEST_CASE("serve: a delayed flow is answered when its time has come, others at once", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--fallback", "1=delay:200:echo", "--fallback", "2=delay:200:reject", "--fallback",
                       "3=delay:200:decline", "--fallback", "*=echo"});
  const Connection served = connect_to({served_address, 1});
  CHECK(served.error == 0);
  CHECK(served.time >= 200ms);
  CHECK(echoes(served));
  const Connection refused = connect_to({served_address, 2});
  CHECK(refused.error == ECONNREFUSED);
  CHECK(refused.time >= 200ms);
  const Connection declined = connect_to({served_address, 3});
  CHECK(declined.error == 0);  // by the rule behind
  CHECK(declined.time >= 200ms);
  // While one is held, another is served to its end.
  const Connection held = connect_to({served_address, 1}, 0s);
  CHECK(held.error == ETIMEDOUT);
  CHECK(echoes(connect_to({served_address, 4})));
  CHECK(serve.end() == 0);
  CHECK(serve.seen(2).syn_acks == 0);
}

TEST_CASE("serve: a banner comes whole, and then the end", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--listen", "25=banner:220 hello\\r\\n", "--fallback", "26=banner:a\\, b"});
  CHECK(hear(connect_to({served_address, 25})) == "220 hello\r\n");
  CHECK(hear(connect_to({served_address, 26})) == "a, b");
  CHECK(serve.end() == 0);
  CHECK(serve.seen(25).resets == 0);
}

TEST_CASE("serve: log records who came, where to, and what they said first", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--listen", "22=log", "--fallback", "*=log"});
  say(22, std::string(300, 'a'));  // more than is kept: the end comes although we do not close
  {
    const Connection connection = connect_to({served_address, 23});
    REQUIRE(connection.error == 0);
    REQUIRE(::send(connection.socket.get(), "root\r\n", 6, 0) == 6);
    ::shutdown(connection.socket.get(), SHUT_WR);
    CHECK(hear(connection).empty());
  }
  CHECK(serve.end() == 0);
  std::istringstream lines(serve.process().out());
  std::string line;
  std::getline(lines, line);  // ready
  std::getline(lines, line);
  CHECK(line == "time                 source                 destination            octets  said");
  std::getline(lines, line);
  CHECK(has(line, "  10.90.0.1:"));
  CHECK(has(line, "  10.90.0.2:22           256     " + std::string(256, 'a')));
  std::getline(lines, line);
  CHECK(has(line, "  10.90.0.2:23           6       root\\r\\n"));
  std::getline(lines, line);
  CHECK(line.empty());
}

TEST_CASE("serve: with --json a visit is an event", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--json", "--fallback", "*=log"});
  say(2323, std::string(256, '\xff'));
  CHECK(serve.end() == 0);
  std::istringstream lines(serve.process().out());
  std::string line;
  std::getline(lines, line);  // ready
  int visits = 0;
  while (std::getline(lines, line)) {
    const auto event = nlohmann::json::parse(line);
    if (event["event"] != "visit") continue;
    ++visits;
    CHECK(event["destination"] == "10.90.0.2:2323");
    CHECK(event["rule"] == "*=log");
    CHECK(event["octets"] == 256);
    CHECK(event["said"].get<std::string>().starts_with("\\xff\\xff"));
  }
  CHECK(visits == 1);
}

TEST_CASE("serve: a rule's limits reset who is too many, and no others", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--fallback", "7=echo,max=2", "--fallback", "8=echo,max=100,per-source=1"});
  const Connection first = connect_to({served_address, 7});
  const Connection second = connect_to({served_address, 7});
  CHECK(echoes(first));
  CHECK(echoes(second));
  CHECK(connect_to({served_address, 7}).error == ECONNREFUSED);
  const Connection alone = connect_to({served_address, 8});
  CHECK(echoes(alone));
  CHECK(connect_to({served_address, 8}).error == ECONNREFUSED);
  // Who goes makes room.
  ::shutdown(first.socket.get(), SHUT_WR);
  CHECK(hear(first).empty());
  CHECK(echoes(connect_to({served_address, 7})));
  CHECK(serve.end() == 0);
}

TEST_CASE("serve: a rule says what becomes of who is too many", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  ServedCommand serve({"--fallback", "7=echo,max=1,over=drop", "--fallback", "8=delay:60000:echo,max=1,over=oldest"});
  const Connection served = connect_to({served_address, 7});
  CHECK(echoes(served));
  constexpr Duration moment = 50ms;  // a refusal comes at once
  CHECK(connect_to({served_address, 7}, moment).error == ETIMEDOUT);
  CHECK(echoes(served));

  const Connection oldest = connect_to({served_address, 8}, moment);
  CHECK(oldest.error == ETIMEDOUT);
  CHECK(connect_to({served_address, 8}, moment).error == ETIMEDOUT);
  CHECK(wait_readable(oldest.socket, 10s));
  CHECK(error_of(oldest) == ECONNREFUSED);
  CHECK(serve.end() == 0);
}

TEST_CASE("serve: rules come from a file too, and mistakes name file and line", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const TemporaryFolder folder;
  const std::string rules = folder.file("rules");
  std::ofstream(rules) << "# mine\nlisten 7=echo\nfallback 25=banner:hi \\# there\n";
  ServedCommand serve({"--rules", rules, "--fallback", "26=echo"});
  CHECK(echoes(connect_to({served_address, 7})));
  CHECK(hear(connect_to({served_address, 25})) == "hi # there");
  CHECK(echoes(connect_to({served_address, 26})));
  CHECK(serve.end() == 0);

  std::ofstream(rules) << "listen 7=echo\nfallback 25=baner:hi\n";
  const auto bad = run(serve_command(serve.space(), {"--rules", rules}));
  CHECK(bad.exit_code == 2);
  CHECK(bad.err.starts_with("backstop serve: " + rules + ":2: fallback 25=baner:hi: there is no action 'baner:hi'"));
  const auto missing = run(serve_command(serve.space(), {"--rules", "/nowhere"}));
  CHECK(missing.exit_code == 2);
  CHECK(missing.err == "backstop serve: --rules /nowhere: No such file or directory\n");
  const auto folder_as_file = run(serve_command(serve.space(), {"--rules", folder.path()}));
  CHECK(folder_as_file.exit_code == 2);
  CHECK(folder_as_file.err == "backstop serve: --rules " + folder.path() + ": Is a directory\n");
}

TEST_CASE("serve: --check tells good from bad, and makes nothing", "[serve]") {
  const TemporaryFolder folder;
  const std::vector<std::string> command{
      backstop_program(),         "serve", "--check", "--tun", "bs0", "--addr", "10.90.0.2", "--pcap-out",
      folder.file("capture.pcap")};
  const auto check = [&command](const std::vector<std::string>& arguments) {
    auto whole = command;
    whole.insert(whole.end(), arguments.begin(), arguments.end());
    return run(whole);
  };
  const auto good = check({"--listen", "80=http", "--fallback", "22=log,max=5", "--fallback", "*=proxy:127.0.0.1:80"});
  CHECK(good.exit_code == 0);
  CHECK(good.out == "ok: 1 listener, 2 fallback rules\n");
  CHECK(good.err.empty());
  CHECK(check({"--fallback", "22=lg"}).exit_code == 2);
  CHECK(check({"--fallback", "22=proxy:nowhere.invalid:80"}).exit_code == 2);
  CHECK(check({"--netns", "backstop-test-nowhere"}).exit_code == 2);
  CHECK(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace backstop::test
