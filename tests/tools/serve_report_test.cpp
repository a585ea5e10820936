// The summary at the end of `backstop serve`.
#include "tests/support/catch.hpp"
#include "tools/serve/report.hpp"

using namespace backstop;
using namespace backstop::tools;

namespace {

Summary example() {
  Summary summary;
  summary.listeners = {{"80=http", 12}, {"7=echo", 0}};
  RuleSummary reject{"*=reject", {}};
  reject.counters.consultations = 3;
  reject.counters.verdicts[static_cast<std::size_t>(Verdict::rejected)] = 3;
  summary.rules = {reject};
  summary.fallback.syns = 4;
  summary.fallback.verdicts[static_cast<std::size_t>(Verdict::over_limit)] = 1;
  summary.stack.connections_established = 12;
  summary.stack.drops[static_cast<std::size_t>(Drop::ip_version_6)] = 2;
  return summary;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("Serve's table has a row for each rule and only the drops that happened", "[serve]") {
  const std::string table = table_of(example());
  CHECK(has(table, "listeners  accepted\n  80=http        12\n  7=echo          0\n"));
  CHECK(has(table,
            "fallback rules  asked  declined  accepted  cookie  rejected  dropped  unreachable  unserved\n"
            "  *=reject          3         0         0       0         3        0            0         0\n"));
  CHECK(has(table, "\n  connections established  12\n"));
  CHECK(has(table, "drops\n  ip_version_6  2\n"));
  CHECK_FALSE(has(table, "tcp_bad_checksum"));
  CHECK_FALSE(has(table, "injected faults"));
}

TEST_CASE("Serve's table shows the faults that were asked for", "[serve]") {
  Summary summary = example();
  summary.faults = FaultSummary{{.packets = 100, .lost = 5, .duplicated = 2, .corrupted = 0, .reordered = 1}, {}};
  CHECK(has(table_of(summary), "  towards the stack      100     5           2          1          0\n"));
}

TEST_CASE("Serve's summaries of several queues add up", "[serve]") {
  Summary summary = example();
  summary.faults = FaultSummary{{.packets = 100, .lost = 5, .duplicated = 2, .corrupted = 0, .reordered = 1}, {}};
  Summary ended;  // a queue that says nothing any more
  ended += summary;
  ended += summary;
  ended += Summary{};
  CHECK(ended.listeners.size() == 2);
  CHECK(ended.listeners[0].rule == "80=http");
  CHECK(ended.listeners[0].accepted == 24);
  CHECK(ended.rules[0].counters.of(Verdict::rejected) == 6);
  CHECK(ended.rules[0].counters.consultations == 6);
  CHECK(ended.fallback.syns == 8);
  CHECK(ended.stack.connections_established == 24);
  CHECK(ended.stack.dropped(Drop::ip_version_6) == 4);
  CHECK(ended.faults->inbound.lost == 10);
}

TEST_CASE("Serve's summary in JSON has the same numbers under names without blanks", "[serve]") {
  const std::string json = json_of(example(), 1'500'000'000).text();
  CHECK(json.starts_with(R"({"time":1.500000,"event":"summary","listeners":[{"rule":"80=http","accepted":12},)"));
  CHECK(has(json, R"("rules":[{"rule":"*=reject","asked":3,)"));
  CHECK(has(json, R"("rejected":3)"));
  CHECK(has(json, R"("over_limit":1)"));
  CHECK(has(json, R"("connections_established":12)"));
  CHECK(has(json, R"("drops":{"ip_version_6":2})"));
  CHECK_FALSE(has(json, " "));
}
