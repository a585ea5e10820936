#include "tools/serve/status.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>

#include "tools/table.hpp"

namespace backstop::tools {
namespace {

using Phase = detail::Flow::Phase;

std::string text_of(const Endpoint& endpoint) { return std::string(AddressText(endpoint).view()); }

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::free:
      break;
    case Phase::pending:
      return "pending";
    case Phase::half_open:
      return "half-open";
    case Phase::served:
      return "served";
  }
  return "free";
}

/// A state as ss writes it.
std::string_view ss_name(State state) {
  switch (state) {
    case State::syn_received:
      return "SYN-RECV";
    case State::established:
      return "ESTAB";
    default:
      return to_string(state);
  }
}

std::uint32_t send_queue(const ConnectionInfo& info) { return info.in_flight + info.unsent; }

/// "12.3s", "4m05s", "3h07m".
std::string age(Duration time) {
  std::array<char, 32> text{};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (seconds < 60) {
    std::snprintf(text.data(), text.size(), "%.1fs", static_cast<double>(time.count()) / 1e9);
  } else if (seconds < 3600) {
    std::snprintf(text.data(), text.size(), "%lldm%02llds", seconds / 60LL, seconds % 60LL);
  } else {
    std::snprintf(text.data(), text.size(), "%lldh%02lldm", seconds / 3600LL, seconds / 60LL % 60LL);
  }
  return text.data();
}

std::string milliseconds(Duration time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", static_cast<double>(time.count()) / 1e6);
  return text.data();
}

/// The second line of a connection, in the words of `ss -i`: what does not apply is left out.
std::string internals(const ConnectionInfo& info) {
  std::string text = "   ";
  const auto word = [&text](const std::string& one) { text += " " + one; };
  const auto number = [&word](const char* name, std::uint64_t value) {
    if (value != 0) word(std::string(name) + ":" + std::to_string(value));
  };
  if (info.timestamps) word("ts");
  if (info.selective_acks) word("sack");
  word("wscale:" + std::to_string(info.send_scale) + "," + std::to_string(info.receive_scale));
  word("rto:" + milliseconds(info.rto));
  if (info.srtt.count() != 0) word("rtt:" + milliseconds(info.srtt) + "/" + milliseconds(info.rttvar));
  number("mss", info.mss);
  number("cwnd", info.congestion_window);
  if (info.slow_start_threshold < 0x7fff'ffff) number("ssthresh", info.slow_start_threshold);
  number("snd_wnd", info.send_window);
  number("rcv_wnd", info.receive_window);
  number("bytes_acked", info.bytes_acked);
  number("bytes_received", info.bytes_received);
  number("segs_out", info.segments_sent);
  number("segs_in", info.segments_received);
  number("retrans", info.retransmissions);
  return text;
}

/// Puts the second lines between the rows of a table.
std::string with_internals(const std::string& table, const Status& status) {
  std::string text;
  std::string_view rest = table;
  const auto take_line = [&] {
    const auto end = rest.find('\n') + 1;
    text += rest.substr(0, end);
    rest.remove_prefix(end);
  };
  for (std::size_t i = 0; i < 1 + status.listening.size(); ++i) take_line();
  for (const auto& connection : status.connections) {
    take_line();
    text += internals(connection.info) + "\n";
  }
  return text;
}

std::string connections_section(const Status& status) {
  std::vector<Row> rows{{"State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port", "Rule"}};
  if (status.queues > 1) rows.front().emplace_back("Queue");
  for (const Endpoint& listening : status.listening) {
    const std::string port = ":" + std::to_string(listening.port);
    const bool any = listening.address.is_unspecified();
    rows.push_back({"LISTEN", "0", "0", any ? "*" + port : text_of(listening), "*:*", ""});
  }
  for (const auto& [info, rule, queue] : status.connections) {
    rows.push_back({std::string(ss_name(info.state)), std::to_string(info.unread), std::to_string(send_queue(info)),
                    text_of(info.tuple.local), text_of(info.tuple.remote), std::string(rule)});
    if (status.queues > 1) rows.back().push_back(std::to_string(queue));
  }
  return with_internals(aligned(rows, "lrrl"), status);
}

std::string flows_section(const Status& status) {
  if (status.flows.empty()) return {};
  std::vector<Row> rows{{"Flow", "Age", "SYNs", "Local Address:Port", "Peer Address:Port", "Rule"}};
  if (status.queues > 1) rows.front().emplace_back("Queue");
  for (const auto& [flow, rule, queue] : status.flows) {
    rows.push_back({std::string(name_of(flow.phase)), age(status.now - flow.syn.arrived), std::to_string(flow.attempts),
                    text_of(flow.syn.tuple.local), text_of(flow.syn.tuple.remote), std::string(rule)});
    if (status.queues > 1) rows.back().push_back(std::to_string(queue));
  }
  return "\n" + aligned(rows, "lrrl");
}

std::string ports_section(const Status& status) {
  if (status.ports.empty()) return {};
  std::vector<Row> rows{{"Port", "First seen", "Last seen", "Flows"}};
  for (std::size_t i = 0; i < verdict_count; ++i) rows[0].emplace_back(to_string(static_cast<Verdict>(i)));
  for (const auto& [port, record] : status.ports) {
    Row row{std::to_string(port), age(status.now - record.first_seen) + " ago",
            age(status.now - record.last_seen) + " ago", std::to_string(record.flows)};
    for (const std::uint64_t count : record.verdicts) row.push_back(std::to_string(count));
    rows.push_back(std::move(row));
  }
  return "\n" + aligned(rows, "r");
}

JsonObject json_of(const ConnectionStatus& connection, unsigned queues) {
  const ConnectionInfo& info = connection.info;
  JsonObject object;
  if (queues > 1) object.add("queue", connection.queue);
  object.add("state", to_string(info.state));
  object.add("local", AddressText(info.tuple.local).view()).add("peer", AddressText(info.tuple.remote).view());
  object.add("rule", connection.rule).add("recv_q", info.unread).add("send_q", send_queue(info));
  object.add("timestamps", info.timestamps).add("selective_acks", info.selective_acks);
  object.add("send_scale", info.send_scale).add("receive_scale", info.receive_scale);
  object.add_seconds("rto", info.rto.count()).add_seconds("srtt", info.srtt.count());
  object.add_seconds("rttvar", info.rttvar.count()).add("mss", info.mss).add("peer_mss", info.peer_mss);
  object.add("congestion_window", info.congestion_window).add("slow_start_threshold", info.slow_start_threshold);
  object.add("send_window", info.send_window).add("receive_window", info.receive_window);
  object.add("in_flight", info.in_flight).add("unsent", info.unsent);
  object.add("bytes_acked", info.bytes_acked).add("bytes_received", info.bytes_received);
  object.add("segments_sent", info.segments_sent).add("segments_received", info.segments_received);
  object.add("retransmissions", info.retransmissions);
  return object;
}

JsonObject json_of(const FlowStatus& status, unsigned queues, Instant now) {
  const FlowSnapshot& flow = status.flow;
  JsonObject object;
  if (queues > 1) object.add("queue", status.queue);
  object.add("flow", flow.flow).add("phase", name_of(flow.phase));
  object.add("local", AddressText(flow.syn.tuple.local).view()).add("peer", AddressText(flow.syn.tuple.remote).view());
  object.add("rule", status.rule).add_seconds("age", (now - flow.syn.arrived).count()).add("syns", flow.attempts);
  return object;
}

JsonObject json_of(const PortStatus& status, Instant now) {
  JsonObject object;
  object.add("port", status.port).add("flows", status.record.flows);
  object.add_seconds("first_seen_ago", (now - status.record.first_seen).count());
  object.add_seconds("last_seen_ago", (now - status.record.last_seen).count());
  add_verdicts(object, status.record.verdicts);
  return object;
}

/// Ports that several queues were asked for become one.
void add_ports(std::vector<PortStatus>& ports, const std::vector<PortStatus>& others) {
  for (const auto& [port, record] : others) {
    const auto found = std::ranges::find(ports, port, &PortStatus::port);
    if (found == ports.end()) {
      ports.push_back({port, record});
      continue;
    }
    PortRecord& sum = found->record;
    sum.first_seen = std::min(sum.first_seen, record.first_seen);
    sum.last_seen = std::max(sum.last_seen, record.last_seen);
    sum.flows += record.flows;
    for (std::size_t i = 0; i < verdict_count; ++i) sum.verdicts[i] += record.verdicts[i];
  }
  std::ranges::sort(ports, std::ranges::greater{}, [](const PortStatus& status) { return status.record.last_seen; });
}

}  // namespace

Status& Status::operator+=(Status other) {
  std::ranges::move(other.connections, std::back_inserter(connections));
  std::ranges::move(other.flows, std::back_inserter(flows));
  add_ports(ports, other.ports);
  gauges.pending += other.gauges.pending;
  gauges.half_open += other.gauges.half_open;
  gauges.served += other.gauges.served;
  summary += other.summary;
  return *this;
}

std::string tables_of(const Status& status) {
  return connections_section(status) + flows_section(status) + ports_section(status) + "\n" + table_of(status.summary);
}

JsonObject json_of(const Status& status) {
  std::vector<JsonObject> listening;
  for (const Endpoint& local : status.listening) listening.emplace_back().add("local", AddressText(local).view());
  std::vector<JsonObject> connections;
  for (const auto& connection : status.connections) connections.push_back(json_of(connection, status.queues));
  std::vector<JsonObject> flows;
  for (const auto& flow : status.flows) flows.push_back(json_of(flow, status.queues, status.now));
  std::vector<JsonObject> ports;
  for (const auto& port : status.ports) ports.push_back(json_of(port, status.now));
  JsonObject object;
  object.add_seconds("time", status.wall_clock).add("listening", listening).add("connections", connections);
  object.add("flows", flows).add("ports", ports);
  object.add("pending", status.gauges.pending).add("half_open", status.gauges.half_open);
  object.add("served", status.gauges.served);
  add_counters(object, status.summary);
  return object;
}

}  // namespace backstop::tools
