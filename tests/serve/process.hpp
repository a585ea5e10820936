// A program that a test runs: its arguments, what it prints, and how it ends. Every wait is bounded, and ends at what
// is waited for. Read next: served_command.hpp, the backstop command in a network namespace.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "stack/tcp/time.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::test {

class Process {
 public:
  /// `command`: the program, found as execvp(3) finds it, and its arguments. `in_child` is called in the new process
  /// before the program is: to lose a privilege, say.
  explicit Process(std::vector<std::string> command, const std::function<void()>& in_child = {});
  /// Kills it when it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// What it has written so far, as far as a wait has seen it.
  [[nodiscard]] const std::string& out() const { return out_.text; }
  [[nodiscard]] const std::string& err() const { return err_.text; }

  /// Waits until stdout (or stderr) holds `part` so many times. False when it ends without, or takes too long.
  bool wait_for_out(std::string_view part, int times = 1) { return wait_for(out_, part, times); }
  bool wait_for_err(std::string_view part, int times = 1) { return wait_for(err_, part, times); }
  void send_signal(int signal) const;
  /// Waits for its end: the exit code, or the signal that ended it as a negative number. Kills it, and returns
  /// -SIGKILL, when it takes too long.
  int wait();

 private:
  struct Output {
    tun::FileDescriptor fd;
    std::string text;
  };

  bool wait_for(const Output& output, std::string_view part, int times);
  bool read_some(int timeout_ms);

  pid_t pid_ = -1;
  Output out_;
  Output err_;
};

/// What a program that needs no company printed, and its exit code.
struct Finished {
  int exit_code = 0;
  std::string out;
  std::string err;
};
Finished run(std::vector<std::string> command, const std::function<void()>& in_child = {});

/// The path of `program` in PATH; empty when there is none.
std::string find_program(const std::string& program);

/// A folder of its own for a test, gone when this is.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace backstop::test
