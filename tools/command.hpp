// How a subcommand joins the `backstop` command, and how it fails.
// A subcommand is one function here, called once from main.cpp: it adds itself to `app`, and when the user chose it,
// its callback runs it. What the callback throws becomes one line on stderr; one that can fail without that takes an
// `int& exit_code` too. Read next: main.cpp.
#pragma once

#include <stdexcept>

namespace CLI {
class App;
}

namespace backstop::tools {

inline constexpr int exit_failure = 1;     ///< it started and then went wrong
inline constexpr int exit_usage = 2;       ///< bad input, or the machine lacks what was asked for
inline constexpr int exit_unreadable = 3;  ///< a capture that cannot be read

/// Bad input: main prints it as one line on stderr and exits with exit_usage. Names the thing and the cure.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void add_bench(CLI::App& app);
void add_serve(CLI::App& app);
void add_ss(CLI::App& app);
void add_demo(CLI::App& app, int& exit_code);
void add_dump(CLI::App& app);
void add_ladder(CLI::App& app);
void add_replay(CLI::App& app, int& exit_code);
void add_plot(CLI::App& app);

}  // namespace backstop::tools
