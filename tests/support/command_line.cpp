#include "tests/support/command_line.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>

#include "tools/capture/capture_error.hpp"
#include "tools/command.hpp"

namespace backstop::test {
namespace {

// What a stream is given while this lives goes into text() instead.
class Diverted {
 public:
  explicit Diverted(std::ostream& stream) : stream_(stream), before_(stream.rdbuf(text_.rdbuf())) {}
  ~Diverted() { stream_.rdbuf(before_); }
  Diverted(const Diverted&) = delete;
  Diverted& operator=(const Diverted&) = delete;
  [[nodiscard]] std::string text() const { return text_.str(); }

 private:
  std::ostream& stream_;
  std::ostringstream text_;
  std::streambuf* before_;
};

}  // namespace

CommandResult run_command(const std::vector<std::string>& arguments) {
  CommandResult result;
  CLI::App app;
  tools::add_replay(app, result.exit_code);
  tools::add_dump(app);
  tools::add_ladder(app);
  tools::add_plot(app);
  std::vector<std::string> backwards(arguments.rbegin(), arguments.rend());
  const Diverted out(std::cout);
  const Diverted err(std::cerr);
  std::string error;
  try {
    app.parse(backwards);
  } catch (const tools::UsageError& wrong) {
    error = wrong.what();
    result.exit_code = tools::exit_usage;
  } catch (const capture::UnreadableCapture& unreadable) {
    error = unreadable.what();
    result.exit_code = tools::exit_unreadable;
  } catch (const CLI::ParseError& wrong) {
    error = wrong.what();
    result.exit_code = tools::exit_usage;
  }
  result.out = out.text();
  result.err = err.text() + error;
  return result;
}

CommandResult replay_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "replay");
  return run_command(arguments);
}

}  // namespace backstop::test
