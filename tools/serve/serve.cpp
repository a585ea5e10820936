// `backstop serve` on the command line: its options and its help. What it does is in server.hpp.
#include <CLI/CLI.hpp>

#include <memory>
#include <stdexcept>
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
      echo      send back what comes (RFC 862)
      discard   take what comes (RFC 863)
      chargen   send lines of text without end (RFC 864)
      http      a page that shows the connection's own state
  --fallback PORTS=ACTION
      PORTS is a port, a range, a list of both, or * for all. The rules are asked in the order given, for flows that no
      listener takes; a flow that none claims is reset, as if nobody were there.
      HANDLER          accept the flow, and serve it with one of the handlers above
      decline          ask the next rule
      reject           reset it: connection refused
      drop             say nothing
      proxy:HOST:PORT  dial HOST, and accept when that succeeds; {port} as PORT stands for the port asked for

Output:
  The first line is `ready ...`, when packets flow. With --json every line after it is a JSON object, one for each step
  of a flow; without it there is a table at the end. With --pcap-out - the capture has stdout, and all else is on stderr.
  SIGINT and SIGTERM close what is open and end it.

Example:
  backstop serve --tun bs0 --host-addr 10.90.0.1/24 --addr 10.90.0.2 \
      --listen 80=http --fallback '8000-8999=echo' --fallback '*=reject'
  curl http://10.90.0.2/)";

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
}

void add_rule_options(CLI::App& serve, ServeArguments& arguments) {
  serve.add_option("--listen", arguments.listeners, "serve a port; may be given several times")
      ->allow_extra_args(false)
      ->type_name("PORT=HANDLER");
  serve.add_option("--fallback", arguments.fallbacks, "what to do with other flows; may be given several times")
      ->allow_extra_args(false)
      ->type_name("PORTS=ACTION");
}

void add_output_options(CLI::App& serve, ServeArguments& arguments) {
  serve.add_option("--pcap-out", arguments.capture, "write all packets to this file, - for stdout")->type_name("FILE");
  serve.add_flag("--json", arguments.json, "print what happens as lines of JSON");
  serve.add_option("--duration", arguments.duration, "end after this time")->type_name("SECONDS");
  serve
      .add_option("--impair", arguments.impairment,
                  "make the link bad, both ways: loss=5%,duplicate=1%,reorder=1%,corrupt=1%,seed=7")
      ->type_name("FAULTS");
}

/// What fails before packets flow is the input's or the machine's fault.
std::unique_ptr<Server> start(const ServeOptions& options) try {
  return std::make_unique<Server>(options);
} catch (const std::system_error& error) {
  throw UsageError(error.what());
} catch (const std::invalid_argument& error) {
  throw UsageError(error.what());
}

void run(const ServeArguments& arguments) {
  const auto options = parse_serve_arguments(arguments);
  if (!options) throw UsageError(options.error());
  start(*options)->run();
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
