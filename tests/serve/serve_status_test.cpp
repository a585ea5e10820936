// The status socket of `backstop serve`, and `backstop ss` that asks there.
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/serve/served_command.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/kernel_client.hpp"
#include "tests/support/packets.hpp"
#include "tools/unix_address.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

Finished ss(const std::string& socket, const std::vector<std::string>& arguments = {}) {
  std::vector<std::string> command{backstop_program(), "ss", "--socket", socket};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command);
}

tun::FileDescriptor unix_socket() {
  return tun::FileDescriptor(tun::checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
}

bool connect_unix(const tun::FileDescriptor& socket, const std::string& path) {
  const tools::UnixAddress address(path);
  return ::connect(socket.get(), address.get(), sizeof(sockaddr_un)) == 0;
}

TEST_CASE("serve: ss shows connections, pending flows, ports and counters", "[serve][status]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const TemporaryFolder folder;
  const std::string socket = folder.file("status.sock");
  ServedCommand serve({"--status-socket", socket, "--listen", "7=echo", "--fallback", "8=echo", "--fallback",
                       "9=delay:60000:echo", "--fallback", "*=reject"});
  const Connection first = talk(7);
  const Connection second = talk(8);
  CHECK(connect_to({served_address, 10}).error == ECONNREFUSED);
  const Connection held = connect_to({served_address, 9}, 0s);
  CHECK(held.error == ETIMEDOUT);
  const Connection third = talk(7);  // behind it: the held one has been seen

  const auto table = ss(socket);
  CHECK(table.exit_code == 0);
  CHECK(table.err.empty());
  CHECK(table.out.starts_with("State   Recv-Q  Send-Q  Local Address:Port  Peer Address:Port"));
  CHECK(has(table.out, "\nLISTEN       0       0  *:7                 *:*\n"));
  CHECK(has(table.out, "\nESTAB        0       0  10.90.0.2:7         10.90.0.1:"));
  CHECK(has(table.out, "  8=echo\n"));
  CHECK(has(table.out, "\npending  "));
  CHECK(has(table.out, "\nPort  First seen"));
  CHECK(has(table.out, "\nfallback rules "));

  const auto json = nlohmann::json::parse(ss(socket, {"--json"}).out);
  REQUIRE(json["connections"].size() == 3);
  CHECK(json["connections"][0]["rule"] == "7=echo");
  CHECK(json["connections"][1]["rule"] == "8=echo");
  CHECK(json["connections"][1]["bytes_received"] == 5);
  CHECK(json["connections"][1]["bytes_acked"] == 5);
  REQUIRE(json["flows"].size() == 1);
  CHECK(json["flows"][0]["rule"] == "9=delay:60000:echo");
  CHECK(json["pending"] == 1);
  CHECK(json["ports"].size() == 3);
  CHECK(json["listeners"][0]["accepted"] == 2);
  CHECK(json["rules"][2]["rejected"] == 1);
  CHECK(serve.end() == 0);
  CHECK_FALSE(std::filesystem::exists(socket));
}

TEST_CASE("serve: curl gets the status and the metrics", "[serve][status]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  if (find_program("curl").empty()) BACKSTOP_SKIP("needs curl");
  const TemporaryFolder folder;
  const std::string socket = folder.file("status.sock");
  ServedCommand serve({"--status-socket", socket, "--listen", "7=echo"});
  const Connection open = talk(7);
  const auto curl = [&socket](const std::string& path) {
    return run(
        {"curl", "--silent", "--show-error", "--fail", "--max-time", "20", "--unix-socket", socket, "http://x" + path});
  };
  CHECK(nlohmann::json::parse(curl("/").out)["connections"].size() == 1);
  CHECK(nlohmann::json::parse(curl("/status.json").out)["connections"].size() == 1);
  CHECK(has(curl("/metrics").out, "backstop_connections{state=\"ESTABLISHED\"} 1\n"));
  CHECK(curl("/nowhere").exit_code == 22);
  CHECK(serve.end() == 0);
}

TEST_CASE("serve: who asks for the status and does not read holds nobody up", "[serve][status]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const TemporaryFolder folder;
  const std::string path = folder.file("status.sock");
  ServedCommand serve({"--status-socket", path, "--listen", "7=echo"});
  std::vector<Connection> connections;
  for (int i = 0; i < 600; ++i) connections.push_back(connect_to({served_address, 7}));  // the answer fills any buffer
  const auto silent = unix_socket();
  REQUIRE(connect_unix(silent, path));
  const auto slow = unix_socket();
  const int small = 4096;
  ::setsockopt(slow.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  REQUIRE(connect_unix(slow, path));
  const std::string_view request = "GET / HTTP/1.0\r\n\r\n";
  REQUIRE(::send(slow.get(), request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
  REQUIRE(wait_readable(slow, 20s));  // it is being answered
  const Connection after = talk(7);
  CHECK(ss(path).exit_code == 0);
  // And what is read at last is whole.
  std::string answer;
  std::array<char, 65'536> buffer;
  while (const ssize_t size = ::recv(slow.get(), buffer.data(), buffer.size(), 0)) {
    REQUIRE(size > 0);
    answer.append(buffer.data(), static_cast<std::size_t>(size));
  }
  const auto json = nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n")));
  CHECK(json["connections"].size() >= 600);
  CHECK(serve.end() == 0);
}

TEST_CASE("serve: a status socket that was left behind is replaced, one in use and other files are not",
          "[serve][status]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const TemporaryFolder folder;
  const std::string path = folder.file("status.sock");
  {
    const auto left_behind = unix_socket();
    const tools::UnixAddress address(path);
    REQUIRE(::bind(left_behind.get(), address.get(), sizeof(sockaddr_un)) == 0);
    REQUIRE(::listen(left_behind.get(), 1) == 0);
  }
  ServedCommand serve({"--status-socket", path});
  CHECK(ss(path).exit_code == 0);

  const NetworkNamespace other;
  const auto second = run(serve_command(other, {"--status-socket", path}));
  CHECK(second.exit_code == 2);
  CHECK(has(second.err, "--status-socket " + path + ": Address already in use"));
  CHECK(ss(path).exit_code == 0);  // it still is

  const std::string file = folder.file("file");
  std::ofstream(file) << "precious";
  CHECK(run(serve_command(other, {"--status-socket", file})).exit_code == 2);
  CHECK(std::filesystem::file_size(file) == 8);
  CHECK(run(serve_command(other, {"--status-socket", "/nowhere/at/all"})).exit_code == 2);
  CHECK(run(serve_command(other, {"--status-socket", std::string(200, 'a')})).exit_code == 2);
  CHECK(serve.end() == 0);
}

TEST_CASE("ss: without anybody to ask it says so", "[serve][status]") {
  const TemporaryFolder folder;
  const auto nobody = ss(folder.file("nowhere"));
  CHECK(nobody.exit_code == 2);
  CHECK(nobody.err.starts_with("backstop ss: " + folder.file("nowhere") + ": No such file or directory"));
  CHECK(has(nobody.err, "backstop serve --status-socket"));
}

}  // namespace
}  // namespace backstop::test
