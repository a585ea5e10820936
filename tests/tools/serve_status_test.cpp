// The status of a run, as tables, as JSON and as Prometheus reads it.
#include "tools/serve/status.hpp"

#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "tests/support/catch.hpp"
#include "tools/serve/status_socket.hpp"

using namespace backstop;
using namespace backstop::tools;
using namespace std::chrono_literals;

namespace {

constexpr Ipv4Address host = Ipv4Address::of(10, 90, 0, 1);
constexpr Ipv4Address ours = Ipv4Address::of(10, 90, 0, 2);

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

ConnectionStatus connection() {
  ConnectionStatus status{{}, "8000-8999=echo"};
  ConnectionInfo& info = status.info;
  info.tuple = {{ours, 8123}, {host, 40'000}};
  info.state = State::established;
  info.mss = 1448;
  info.timestamps = info.selective_acks = true;
  info.send_scale = 7;
  info.receive_scale = 5;
  info.srtt = 1500us;
  info.rttvar = 250us;
  info.rto = 204ms;
  info.congestion_window = 14'480;
  info.in_flight = 100;
  info.unsent = 23;
  info.unread = 7;
  info.bytes_received = 1000;
  info.retransmissions = 2;
  return status;
}

Status example() {
  Status status;
  status.now = Instant(100s);
  status.wall_clock = 1'500'000'000;
  status.listening = {{{}, 80}};
  status.connections = {connection()};
  FlowSnapshot flow;
  flow.flow = 9;
  flow.syn.tuple = {{ours, 5432}, {host, 40'001}};
  flow.syn.arrived = Instant(97s);
  flow.attempts = 2;
  status.flows = {{flow, "*=proxy:db:{port}"}};
  PortRecord record{.first_seen = Instant(0s), .last_seen = Instant(99s), .flows = 12, .verdicts = {}};
  record.verdicts[static_cast<std::size_t>(Verdict::rejected)] = 12;
  status.ports = {{22, record}};
  status.gauges.pending = 1;
  status.summary.listeners = {{"80=http", 3}};
  status.summary.rules = {{R"(25=banner:"a\n")", {}}};
  status.summary.stack.drops[static_cast<std::size_t>(Drop::tcp_bad_checksum)] = 4;
  return status;
}

std::string respond_to(std::string_view request) {
  HttpRequestParser parser;
  parser.take(std::as_bytes(std::span{request}));
  REQUIRE(parser.finished());
  return respond(parser, [](std::string_view path) {
    return path == "/there" ? std::optional(StatusPage{"content", "text/plain"}) : std::nullopt;
  });
}

}  // namespace

TEST_CASE("Status tables have ss's columns and its words for a connection's internals", "[serve][status]") {
  const std::string tables = tables_of(example());
  CHECK(tables.starts_with(
      "State   Recv-Q  Send-Q  Local Address:Port  Peer Address:Port  Rule\n"
      "LISTEN       0       0  *:80                *:*\n"
      "ESTAB        7     123  10.90.0.2:8123      10.90.0.1:40000    8000-8999=echo\n"
      "    ts sack wscale:7,5 rto:204 rtt:1.5/0.25 mss:1448 cwnd:14480 bytes_received:1000 retrans:2\n"
      "\n"));
  CHECK(has(tables,
            "\nFlow      Age  SYNs  Local Address:Port  Peer Address:Port  Rule\n"
            "pending  3.0s     2  10.90.0.2:5432      10.90.0.1:40001    *=proxy:db:{port}\n"));
  CHECK(has(tables, "\nPort  First seen  Last seen  Flows  declined  accepted  "));
  CHECK(has(tables, "\n  22   1m40s ago   1.0s ago     12         0         0  "));
  CHECK(has(tables, "\nlisteners  accepted\n  80=http         3\n"));
}

TEST_CASE("Status of a run that has done nothing is a table without rows", "[serve][status]") {
  const std::string tables = tables_of({});
  CHECK(tables.starts_with("State  Recv-Q  Send-Q  Local Address:Port  Peer Address:Port  Rule\n\n"));
  CHECK_FALSE(has(tables, "First seen"));
}

TEST_CASE("Status as JSON has all of it", "[serve][status]") {
  const auto json = nlohmann::json::parse(json_of(example()).text());
  CHECK(json["time"] == 1.5);
  CHECK(json["listening"][0]["local"] == "0.0.0.0:80");
  const auto& one = json["connections"][0];
  CHECK(one["state"] == "ESTABLISHED");
  CHECK(one["local"] == "10.90.0.2:8123");
  CHECK(one["peer"] == "10.90.0.1:40000");
  CHECK(one["rule"] == "8000-8999=echo");
  CHECK(one["send_q"] == 123);
  CHECK(one["srtt"] == 0.0015);
  CHECK(json["flows"][0]["phase"] == "pending");
  CHECK(json["flows"][0]["age"] == 3.0);
  CHECK(json["ports"][0]["port"] == 22);
  CHECK(json["ports"][0]["rejected"] == 12);
  CHECK(json["ports"][0]["last_seen_ago"] == 1.0);
  CHECK(json["pending"] == 1);
  CHECK(json["listeners"][0]["accepted"] == 3);
  CHECK(json["drops"]["tcp_bad_checksum"] == 4);
}

TEST_CASE("Status as metrics is what Prometheus reads: each family once, each sample under its own",
          "[serve][status]") {
  const std::string metrics = metrics_of(example());
  CHECK(has(metrics, "# TYPE backstop_connections gauge\n"));
  CHECK(has(metrics, "backstop_connections{state=\"ESTABLISHED\"} 1\n"));
  CHECK(has(metrics, "backstop_listener_accepted_total{rule=\"80=http\"} 3\n"));
  CHECK(has(metrics, R"(backstop_rule_asked_total{rule="25=banner:\"a\\n\""} 0)"));
  CHECK(has(metrics, "backstop_flows{phase=\"pending\"} 1\n"));
  CHECK(has(metrics, "backstop_port_flows_total{port=\"22\"} 12\n"));
  CHECK(has(metrics, "backstop_drops_total{reason=\"tcp_bad_checksum\"} 4\n"));

  const std::regex comment(R"(# (HELP|TYPE) (backstop_[a-z_]+) .+)");
  const std::regex sample(R"((backstop_[a-z_]+)(\{[a-z]+="([^"\\]|\\.)*"(,[a-z]+="([^"\\]|\\.)*")*\})? [0-9]+)");
  std::istringstream lines(metrics);
  std::string family;
  std::vector<std::string> families;
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    std::smatch match;
    if (std::regex_match(line, match, comment)) {
      if (match[1] == "HELP") families.push_back(family = match[2]);
      CHECK(match[2] == family);
    } else {
      REQUIRE(std::regex_match(line, match, sample));
      CHECK(match[1] == family);
    }
  }
  std::ranges::sort(families);
  CHECK(std::ranges::adjacent_find(families) == families.end());
}

TEST_CASE("The status of several queues says of each connection and flow where it is", "[serve][status][queues]") {
  Status first = example();
  Status second = example();
  second.connections[0].queue = second.flows[0].queue = 1;
  second.ports[0].record.last_seen = Instant(100s);
  PortRecord other{.first_seen = Instant(98s), .last_seen = Instant(98s), .flows = 1, .verdicts = {}};
  first.ports.insert(first.ports.begin(), {23, other});
  first += second;
  first.queues = 2;
  const std::string tables = tables_of(first);
  CHECK(has(tables, "Rule            Queue\n"));
  CHECK(has(tables, "  8000-8999=echo  0\n"));
  CHECK(has(tables, "  8000-8999=echo  1\n"));
  CHECK(has(tables, "*=proxy:db:{port}  1\n"));
  const auto json = nlohmann::json::parse(json_of(first).text());
  CHECK(json["connections"].size() == 2);
  CHECK(json["connections"][1]["queue"] == 1);
  CHECK(json["flows"][1]["queue"] == 1);
  CHECK(json["pending"] == 2);
  CHECK(json["listening"].size() == 1);
  CHECK(json["listeners"][0]["accepted"] == 6);
  CHECK(json["drops"]["tcp_bad_checksum"] == 8);
  REQUIRE(json["ports"].size() == 2);
  CHECK(json["ports"][0]["port"] == 22);  // asked for last
  CHECK(json["ports"][0]["flows"] == 24);
  CHECK(json["ports"][0]["rejected"] == 24);
  CHECK(json["ports"][1]["port"] == 23);
  CHECK_FALSE(nlohmann::json::parse(json_of(example()).text())["connections"][0].contains("queue"));
}

TEST_CASE("The status socket answers HTTP, and says what is wrong with a request", "[serve][status]") {
  CHECK(respond_to("GET /there HTTP/1.0\r\n\r\n") ==
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\ncontent");
  CHECK(respond_to("HEAD /there HTTP/1.1\r\nHost: a\r\n\r\n") ==
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n");
  CHECK(respond_to("GET /nowhere HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404 Not Found\r\n"));
  CHECK(respond_to("POST /there HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 405 Method Not Allowed\r\n"));
  CHECK(respond_to("nonsense\r\n").starts_with("HTTP/1.0 400 Bad Request\r\n"));
}
