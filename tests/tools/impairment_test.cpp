// The words after --impair.
#include "tools/impairment.hpp"
#include "tests/support/catch.hpp"

using namespace backstop::tools;

TEST_CASE("Impairment: each fault is a percentage, both ways", "[impair]") {
  const auto options = parse_impairment("loss=5%,duplicate=1%,reorder=0.5%,corrupt=100%,seed=7").value();
  for (const auto& faults : {options.inbound, options.outbound}) {
    CHECK(faults.loss == 0.05);
    CHECK(faults.duplication == 0.01);
    CHECK(faults.reordering == 0.005);
    CHECK(faults.corruption == 1.0);
  }
  CHECK(options.seed == 7);
}

TEST_CASE("Impairment: what is not written does not happen", "[impair]") {
  const auto options = parse_impairment("loss=0%").value();
  CHECK(options.inbound.loss == 0);
  CHECK(options.inbound.duplication == 0);
  CHECK(options.outbound.reordering == 0);
}

TEST_CASE("Impairment: a mistake is named", "[impair]") {
  CHECK(parse_impairment("loss=5").error() == "'loss=5' is not a percentage like loss=5%");
  CHECK(parse_impairment("delay=5%").error() == "'delay=5%' is none of loss, duplicate, reorder, corrupt and seed");
  for (const auto* bad : {"", "loss", "loss=", "loss=%", "loss=101%", "loss=-1%", "loss=nan%", "loss=5%,",
                          "seed=", "seed=-1", "loss=5%;reorder=1%"}) {
    INFO("--impair '" << bad << "'");
    CHECK_FALSE(parse_impairment(bad).has_value());
  }
}
