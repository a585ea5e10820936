// `backstop demo` on the command line.
#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <system_error>

#include "tools/command.hpp"
#include "tools/demo/comparison.hpp"
#include "tools/demo/story.hpp"

namespace backstop::tools {
namespace {

struct DemoArguments {
  std::string capture = "backstop-demo.pcap";
  bool in_memory = false;
  bool compare = false;
};

std::unique_ptr<Stage> choose_stage(const DemoArguments& arguments) {
  if (!arguments.in_memory) try {
      auto stage = kernel_stage(arguments.capture);
      std::cout << "The kernel's own clients talk to the stack over TUN, in a network namespace of their own.\n";
      return stage;
    } catch (const std::system_error& error) {
      std::cout << "No TUN for us here (" << error.what() << "; run as root, with /dev/net/tun).\n";
    }
  std::cout << "The same story between two stacks on a wire in memory, in virtual time.\n";
  return memory_stage(arguments.capture);
}

}  // namespace

void add_demo(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<DemoArguments>();
  CLI::App* demo = app.add_subcommand("demo", "Show the main job: flows that no listener claims, caught or refused.");
  demo->add_option("--capture", arguments->capture, "write all packets to this file")
      ->type_name("FILE")
      ->capture_default_str();
  demo->add_flag("--in-memory", arguments->in_memory, "two stacks on a wire in memory, even where there is TUN");
  demo->add_flag("--compare", arguments->compare,
                 "connect times side by side: a listener made for each port, and the fallback handler");
  demo->callback([arguments, &exit_code] {
    const auto stage = choose_stage(*arguments);
    const auto play = arguments->compare ? play_comparison : play_story;
    if (!play(*stage, std::cout)) exit_code = exit_failure;
    std::cout << "Capture: " << arguments->capture << " (open it with Wireshark or tcpdump -r)\n";
  });
}

}  // namespace backstop::tools
