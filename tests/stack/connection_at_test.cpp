// Looking at all connections of a stack from outside.
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/link.hpp"

using namespace backstop;

namespace {

std::vector<ConnectionSnapshot> all_of(const Stack& stack) {
  std::vector<ConnectionSnapshot> all;
  for (std::uint32_t slot = 0; slot < stack.config().max_connections; ++slot) {
    if (const auto snapshot = stack.connection_at(slot)) all.push_back(*snapshot);
  }
  return all;
}

}  // namespace

TEST_CASE("Every connection is seen in its slot, also one that was let go and is still closing", "[stack]") {
  test::TwoHosts hosts;
  CHECK(all_of(hosts.first).empty());
  auto one = hosts.connect(80);
  auto two = hosts.connect(81);
  REQUIRE(all_of(hosts.first).size() == 2);
  CHECK(all_of(hosts.first)[0].id == one.first.id());
  CHECK(all_of(hosts.first)[0].info.tuple.remote.port == 80);
  CHECK(all_of(hosts.first)[1].id == two.first.id());

  one.first.reset();
  hosts.link.run_for(std::chrono::seconds{1});
  REQUIRE(all_of(hosts.first).size() == 2);
  CHECK(all_of(hosts.first)[0].info.state == State::fin_wait_2);
  two.first.abort();
  two.first.reset();
  REQUIRE(all_of(hosts.first).size() == 1);
  CHECK_FALSE(hosts.first.connection_at(hosts.first.config().max_connections));
}
