// `backstop demo` as its users have it, with the kernel's clients over TUN.
#include "tests/serve/served_command.hpp"
#include "tests/support/catch.hpp"

namespace backstop::test {
namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("demo: the command shows that all of it happens to real clients", "[demo]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  if (find_program("curl").empty()) BACKSTOP_SKIP("needs curl");
  const TemporaryFolder folder;
  const auto demo = run({backstop_program(), "demo", "--capture", folder.file("demo.pcap")});
  CHECK(demo.exit_code == 0);
  CHECK(has(demo.out, "The kernel's own clients talk to the stack over TUN"));
  CHECK(has(demo.out, "All of it happened."));
}

TEST_CASE("demo: the kernel's clients need two SYNs to a listener per port, and one to the handler", "[demo]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  const TemporaryFolder folder;
  const std::string capture = folder.file("demo.pcap");
  const auto demo = run({backstop_program(), "demo", "--compare", "--capture", capture});
  CHECK(demo.exit_code == 0);
  CHECK(has(demo.out, "The kernel's own clients talk to the stack over TUN"));
  CHECK(has(demo.out, "connection         connect time  SYNs          connect time  SYNs"));
  const auto seen = read_capture(capture);
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{8001, 8002, 8003})
    CHECK(seen.at(port).syns == 2);
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{9001, 9002, 9003})
    CHECK(seen.at(port).syns == 1);
}

}  // namespace
}  // namespace backstop::test
