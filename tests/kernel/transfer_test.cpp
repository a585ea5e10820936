// Text through the stack with the kernel's TCP at the other end, every octet checked. How much is said by
// BACKSTOP_TRANSFER_MB; without it a clean link carries 100 MB (less under sanitizers), a bad one as much as a few
// seconds allow.
#include <cstdlib>

#include "tests/kernel/served.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/kernel_client.hpp"
#include "tests/support/packets.hpp"
#include "tools/serve/handlers.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

struct Size {
  std::uint64_t octets;
  Duration limit;
};

Size transfer_size(bool clean) {
  if (const char* megabytes = std::getenv("BACKSTOP_TRANSFER_MB")) {
    return {std::strtoull(megabytes, nullptr, 10) * 1'000'000, 30min};
  }
  if (!clean) return {2'000'000, 60s};
  return {sanitized ? 16'000'000u : 100'000'000u, 60s};
}

/// A link that a test runs over.
struct LinkKind {
  const char* name;
  ServedOptions options;
  [[nodiscard]] bool clean() const { return !options.faults; }
};

std::vector<LinkKind> links() {
  const tun::Faults faults{.loss = 0.05, .duplication = 0.05, .corruption = 0.01, .reordering = 0.05};
  return {
      {"plain", {}},
      {"offload", {.offload = tun::OffloadMode::automatic, .faults = {}}},
      {"jumbo frames", {.mtu = 65'535, .faults = {}}},
      {"bad", {.faults = tun::FaultOptions{.inbound = faults, .outbound = faults, .seed = 42}}},
  };
}

bool is_chargen(std::uint64_t offset, Bytes octets) {
  static thread_local std::vector<std::byte> expected;
  expected.resize(octets.size());
  tools::fill_with_chargen(offset, expected);
  return std::ranges::equal(octets, expected);
}

void check_clean(const Transferred& done) {
  CHECK(done.right);
  CHECK(done.error == 0);
  CHECK_FALSE(done.timed_out);
}

/// Nearly all of a stream comes in long packets, behind one another.
void check_places(Served& served) {
  if (!served.device().offload().checksum) return;
  CHECK(served.device().counters().received_in_place > 0);
}

void check_faults(const Served& served) {
  if (served.faults() == nullptr) return;
  CHECK(served.faults()->inbound().lost > 0);
  CHECK(served.faults()->outbound().lost > 0);
}

TEST_CASE("Kernel client: echo gives back every octet, then the end of text", "[kernel][transfer]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  for (const LinkKind& link : links()) {
    INFO(link.name);
    const Size size = transfer_size(link.clean());
    Served served(link.options);
    served.listen(7, tools::echo);
    served.start();
    const Connection connection = connect_to({stack_address, 7});
    REQUIRE(connection.error == 0);
    const Transferred done =
        transfer(connection.socket, {.send = size.octets, .is_right = is_text, .receive = {}, .limit = size.limit});
    check_clean(done);
    CHECK(done.ended);
    CHECK(done.sent == size.octets);
    CHECK(done.received == size.octets);
    served.stop();
    CHECK(served.stack().statistics().bytes_received == size.octets);
    check_places(served);
    check_faults(served);
  }
}

TEST_CASE("Kernel client: discard takes every octet", "[kernel][transfer]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  for (const LinkKind& link : links()) {
    INFO(link.name);
    const Size size = transfer_size(link.clean());
    Served served(link.options);
    served.listen(9, tools::discard);
    served.start();
    const Connection connection = connect_to({stack_address, 9});
    REQUIRE(connection.error == 0);
    const Transferred done =
        transfer(connection.socket, {.send = size.octets, .is_right = {}, .receive = {}, .limit = size.limit});
    check_clean(done);
    CHECK(done.ended);
    CHECK(done.sent == size.octets);
    CHECK(done.received == 0);
    served.stop();
    CHECK(served.stack().statistics().bytes_received == size.octets);
    check_places(served);
    check_faults(served);
  }
}

TEST_CASE("Kernel client: chargen sends its pattern for as long as somebody reads", "[kernel][transfer]") {
  if (const auto reason = no_kernel_tests_reason(); !reason.empty()) BACKSTOP_SKIP(reason);
  for (const LinkKind& link : links()) {
    INFO(link.name);
    const Size size = transfer_size(link.clean());
    Served served(link.options);
    served.listen(19, tools::chargen);
    served.start();
    {
      const Connection connection = connect_to({stack_address, 19});
      REQUIRE(connection.error == 0);
      const Transferred done =
          transfer(connection.socket, {.send = 0, .is_right = is_chargen, .receive = size.octets, .limit = size.limit});
      check_clean(done);
      CHECK_FALSE(done.ended);
      CHECK(done.received == size.octets);
    }
    served.stop();
    check_faults(served);
  }
}

}  // namespace
}  // namespace backstop::test
