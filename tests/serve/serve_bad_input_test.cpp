// `backstop serve` with what cannot work: one line on stderr that names the thing, exit code 2, and nothing left
// behind.
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include <algorithm>
#include <filesystem>

#include "tests/serve/served_command.hpp"
#include "tests/support/catch.hpp"
#include "tun/interface.hpp"

namespace backstop::test {
namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// Runs `serve` with a capture and `arguments` where it must fail, and says what it printed.
class Failing {
 public:
  explicit Failing(const std::vector<std::string>& arguments, const std::function<void()>& in_child = {}) {
    auto command = serve_command(space_, {"--pcap-out", capture_});
    command.insert(command.end(), arguments.begin(), arguments.end());
    expect_failure(run(command, in_child));
  }
  /// A command line of its own.
  Failing(std::vector<std::string> command, const std::string& name) {
    command.insert(command.begin(), {backstop_program(), name});
    expect_failure(run(std::move(command)));
  }

  [[nodiscard]] const std::string& line() const { return line_; }

 private:
  void expect_failure(const Finished& finished) {
    line_ = finished.err;
    CAPTURE(line_);
    CHECK(finished.exit_code == 2);
    CHECK(finished.out.empty());
    CHECK(line_.starts_with("backstop serve: "));
    CHECK(std::ranges::count(line_, '\n') == 1);
    CHECK_FALSE(std::filesystem::exists(capture_));
    const InNamespace inside(space_);
    CHECK_FALSE(tun::Interface("bs0").exists());
  }

  TemporaryFolder folder_;
  std::string capture_ = folder_.file("capture.pcap");
  NetworkNamespace space_;
  std::string line_;
};

/// Root without a capability has none after the next program starts.
auto without(std::initializer_list<int> capabilities) {
  return [list = std::vector<int>(capabilities)] {
    for (const int capability : list) ::prctl(PR_CAPBSET_DROP, capability);
  };
}

/// Where /dev/net holds nothing.
void hide_tun() {
  ::unshare(CLONE_NEWNS);
  ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  ::mount("none", "/dev/net", "tmpfs", 0, nullptr);
}

TEST_CASE("serve: a mistake in a rule is one line and exit code 2", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  CHECK(has(Failing({"--listen", "80=htp"}).line(), "--listen 80=htp: there is no handler 'htp'; there are echo"));
  CHECK(
      has(Failing({"--listen", "80=http", "--listen", "80=echo"}).line(), "port 80 has a listener already (80=http)"));
  CHECK(has(Failing({"--fallback", "*=rejct"}).line(), "--fallback *=rejct: there is no action 'rejct'"));
  CHECK(has(Failing({"--fallback", "*=proxy:nowhere.invalid:80"}).line(), "no IPv4 address for 'nowhere.invalid'"));
  CHECK(has(Failing({"--duration", "0"}).line(), "--duration"));
  CHECK(has(Failing({"--mtu", "20"}).line(), "--mtu 20: the smallest is 68"));
  CHECK(has(Failing({"--impair", "loss=lots"}).line(), "--impair"));
  CHECK(has(Failing({"--max-connections", "0"}).line(), "--max-connections 0: 1 to 1000000"));
  CHECK(has(Failing({"--queues", "0"}).line(), "--queues 0: a device has 1 to 256"));
  CHECK(has(Failing({"--busy-poll", "2000000"}).line(), "--busy-poll 2000000: at most 1000000 microseconds"));
}

TEST_CASE("serve: a mistake in the command line is one line and exit code 2", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  CHECK(has(Failing({"--lisen", "80=http"}).line(), "--lisen"));
  CHECK(has(Failing({"--tun", "bs0"}, "serve").line(), "--addr is required; see backstop serve --help"));
  CHECK(
      has(Failing({"--tun", "bs0", "--addr", "10.90.0"}, "serve").line(), "--addr: '10.90.0' is not an IPv4 address"));
  CHECK(has(Failing({"--tun", "bs0", "--addr", "10.90.0.1", "--host-addr", "10.90.0.1/24"}, "serve").line(),
            "10.90.0.1 is the host's own address"));
}

TEST_CASE("serve: a network namespace that is not there is named, and how to make it", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const Failing failing({"--netns", "backstop-test-nowhere", "--tun", "bs0", "--addr", "10.90.0.2"}, "serve");
  CHECK(has(failing.line(), "/run/netns/backstop-test-nowhere: No such file or directory"));
  CHECK(has(failing.line(), "ip netns add backstop-test-nowhere"));
}

TEST_CASE("serve: without permission it says which is missing", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  CHECK(has(Failing({}, without({CAP_NET_ADMIN})).line(), "CAP_NET_ADMIN"));
  CHECK(has(Failing({}, without({CAP_NET_ADMIN, CAP_SYS_ADMIN})).line(), "CAP_SYS_ADMIN"));
}

TEST_CASE("serve: without /dev/net/tun it says so", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  CHECK(has(Failing({}, hide_tun).line(), "open /dev/net/tun: No such file or directory"));
}

TEST_CASE("serve: a capture that cannot be written leaves no device", "[serve]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const NetworkNamespace space;
  const auto finished = run(serve_command(space, {"--pcap-out", "/nowhere/at/all.pcap"}));
  CHECK(finished.exit_code == 2);
  CHECK(has(finished.err, "/nowhere/at/all.pcap: No such file or directory"));
  const InNamespace inside(space);
  CHECK_FALSE(tun::Interface("bs0").exists());
}

}  // namespace
}  // namespace backstop::test
