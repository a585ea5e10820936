// `backstop serve` on the command line: its options and its help. What it does is in server.hpp.
#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include "tools/command.hpp"
#include "tools/serve/options.hpp"
#include "tools/serve/server.hpp"

namespace backstop::tools {
namespace {

constexpr const char* description =
    "Serve real clients from a TUN device: listeners, and rules for every flow that no listener claims.";

constexpr const char* rules_help = R"(Rules:
  --listen PORT=HANDLER
      echo         send back what comes (RFC 862)
      discard      take what comes (RFC 863)
      chargen      send lines of text without end (RFC 864)
      http         a page that shows the connection's own state
      banner:TEXT  send TEXT and close; \n, \r, \t, \0, \\, \, and \xHH in it are what they are in C
      log          record who came and what they said first, and close
  --fallback PORTS=ACTION[,max=N][,per-source=N][,over=POLICY]
      PORTS is a port, a range, a list of both, or * for all. The rules are asked in the order given, for flows that no
      listener takes; a flow that none claims is reset, as if nobody were there.
      HANDLER          accept the flow, and serve it with one of the handlers above
      decline          ask the next rule
      reject           reset it: connection refused
      drop             say nothing
      unreachable      answer with ICMP: port unreachable; also unreachable:net, :host, :port and :admin
      proxy:HOST:PORT  dial HOST, and accept when that succeeds; {port} as PORT stands for the port asked for
      delay:MS:ACTION  hold the flow for MS milliseconds, and then one of the above
      max=N            at most N flows of this rule at a time, those held counted
      per-source=N     at most N of one source address
      over=POLICY      what becomes of more: reset (the default), drop, or oldest: the oldest that is still held, or
                       in its handshake, is reset in its favour
      With --queues these limits, and --max-connections, are each queue's own.
  --rules FILE
      A rule a line, in the same words; they come after those of the command line. # begins a comment.
          listen 80=http
          fallback 8000-8999=echo,max=100,per-source=5
          fallback *=reject

Output:
  The first line is `ready ...`, when packets flow. With --json every line after it is a JSON object, one for each step
  of a flow; without it there is a table at the end. With --pcap-out - the capture has stdout, and all else is on stderr.
  --status-socket PATH answers HTTP: /status.json, /metrics for Prometheus, and /ss, which is what `backstop ss` shows.
  SIGINT and SIGTERM close what is open and end it. Bad input is one line on stderr, and exit code 2.

Examples:
  backstop serve --tun bs0 --host-addr 10.90.0.1/24 --addr 10.90.0.2 \
      --listen 80=http --fallback '8000-8999=echo' --fallback '*=reject'
  curl http://10.90.0.2/

  A honeypot that says what it takes for a mail server, and records all else that is tried:
  backstop serve --tun bs0 --host-addr 10.90.0.1/24 --addr 10.90.0.2 \
      --fallback '25=delay:300:banner:220 mail ready\r\n' --fallback '*=log,max=1000,per-source=10')";

void add_link_options(CLI::App& serve, ServeArguments& arguments) {
  serve.add_option("--tun", arguments.device, "the TUN device; made when there is none, else used as it is")
      ->required()
      ->type_name("NAME");
  serve.add_option("--netns", arguments.network_namespace, "do all of it in this network namespace (see ip-netns(8))")
      ->type_name("NAME");
  serve.add_option("--host-addr", arguments.host_address, "the host's address on a device that is made")
      ->type_name("ADDRESS/PREFIX");
  serve.add_option("--addr", arguments.address, "the stack's own address")->required()->type_name("ADDRESS");
  serve.add_flag("--any-ip", arguments.any_ip, "answer for every address that is routed to the device");
  serve.add_option("--mtu", arguments.mtu, "of a device that is made; 1500 unless given")->type_name("OCTETS");
  serve
      .add_option("--offload", arguments.offload,
                  "auto: checksums and segmentation by the kernel where it can; off: one packet at a time")
      ->type_name("auto|off")
      ->capture_default_str();
  serve
      .add_option("--queues", arguments.queues,
                  "serve so many queues of the device, each with a stack on a thread of its own; 1 unless given")
      ->type_name("N");
  serve.add_option("--max-connections", arguments.max_connections, "at most so many at a time; 4096 unless given")
      ->type_name("N");
  serve
      .add_option("--busy-poll", arguments.busy_poll,
                  "ask the device again and again for so long before sleeping; 0 unless given: sleep at once")
      ->type_name("MICROSECONDS");
}

std::string read_rules(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::getline(file, text, '\0');  // all of it
  if (!file.is_open() || file.bad()) throw UsageError("--rules " + path + ": " + std::strerror(errno));
  return text;
}

void add_rule_options(CLI::App& serve, ServeArguments& arguments) {
  serve.add_option("--listen", arguments.listeners, "serve a port; may be given several times")
      ->allow_extra_args(false)
      ->type_name("PORT=HANDLER");
  serve.add_option("--fallback", arguments.fallbacks, "what to do with other flows; may be given several times")
      ->allow_extra_args(false)
      ->type_name("PORTS=ACTION");
  serve
      .add_option_function<std::vector<std::string>>(
          "--rules",
          [&arguments](const std::vector<std::string>& paths) {
            for (const auto& path : paths) arguments.rules_files.push_back({path, read_rules(path)});
          },
          "read rules from this file; may be given several times")
      ->allow_extra_args(false)
      ->type_name("FILE");
  serve.add_flag("--check", arguments.check, "only say whether all of this makes sense");
}

void add_output_options(CLI::App& serve, ServeArguments& arguments) {
  serve.add_option("--pcap-out", arguments.capture, "write all packets to this file, - for stdout")->type_name("FILE");
  serve.add_flag("--json", arguments.json, "print what happens as lines of JSON");
  serve.add_option("--status-socket", arguments.status_socket, "answer on a Unix socket what is going on: backstop ss")
      ->type_name("PATH");
  serve.add_option("--duration", arguments.duration, "end after this time")->type_name("SECONDS");
  serve
      .add_option("--impair", arguments.impairment,
                  "make the link bad, both ways: loss=5%,duplicate=1%,reorder=1%,corrupt=1%,seed=7")
      ->type_name("FAULTS");
}

/// What fails before packets flow is the input's or the machine's fault.
template <class Work>
auto before_packets_flow(Work work) try {
  return work();
} catch (const std::system_error& error) {
  throw UsageError(error.what());
} catch (const std::invalid_argument& error) {
  throw UsageError(error.what());
}

std::string count_of(std::size_t count, const std::string& thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

void run(const ServeArguments& arguments) {
  const auto options = parse_serve_arguments(arguments);
  if (!options) throw UsageError(options.error());
  const auto ready = before_packets_flow([&] { return settled(*options); });
  if (arguments.check) {
    std::cout << "ok: " << count_of(ready.rules.listeners.size(), "listener") << ", "
              << count_of(ready.rules.fallbacks.size(), "fallback rule") << std::endl;
    return;
  }
  before_packets_flow([&] { return std::make_unique<Server>(ready); })->run();
}

}  // namespace

void add_serve(CLI::App& app) {
  auto arguments = std::make_shared<ServeArguments>();
  CLI::App* serve = app.add_subcommand("serve", description);
  add_link_options(*serve, *arguments);
  add_rule_options(*serve, *arguments);
  add_output_options(*serve, *arguments);
  serve->footer(rules_help);
  serve->callback([arguments] { run(*arguments); });
}

}  // namespace backstop::tools
