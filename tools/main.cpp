// The `backstop` command: finds the subcommand, runs it, and turns what went wrong into one line and an exit code.
#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <system_error>

#include "tools/capture/capture_error.hpp"
#include "tools/command.hpp"

namespace {

using namespace backstop::tools;

/// "backstop serve" once that subcommand was named, else "backstop".
std::string name_of_command(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app.get_name() : app.get_name() + " " + chosen.front()->get_name();
}

int fail(const CLI::App& app, const std::string& message, int exit_code) {
  std::cerr << name_of_command(app) << ": " << message << std::endl;
  return exit_code;
}

int fail_to_parse(const CLI::App& app, const CLI::ParseError& error) {
  const bool is_answer = error.get_exit_code() == 0;  // --help and --version come as exceptions too
  if (is_answer) return app.exit(error);
  return fail(app, std::string(error.what()) + "; see " + name_of_command(app) + " --help", exit_usage);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A TCP stack of its own, with a backstop: it catches every flow that no listener claims.", "backstop");
  app.require_subcommand(1);
  app.set_version_flag("--version", BACKSTOP_VERSION);
  int exit_code = 0;
  add_bench(app);
  add_serve(app);
  add_ss(app);
  add_demo(app, exit_code);
  add_dump(app);
  add_ladder(app);
  add_replay(app, exit_code);
  add_plot(app);
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& error) {
    return fail_to_parse(app, error);
  } catch (const UsageError& error) {
    return fail(app, error.what(), exit_usage);
  } catch (const backstop::capture::UnreadableCapture& error) {
    return fail(app, error.what(), exit_unreadable);
  } catch (const std::exception& error) {
    return fail(app, error.what(), exit_failure);
  }
}
