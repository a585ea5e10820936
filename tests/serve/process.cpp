#include "tests/serve/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace backstop::test {
namespace {

using SteadyClock = std::chrono::steady_clock;
using tun::checked;
using tun::FileDescriptor;

// Why: far more than anything here takes, under sanitizers and on a busy machine, and less than ctest's own patience.
constexpr auto patience = std::chrono::seconds{60};

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  // What is not read while a test does something else must not hold the program up.
  ::fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

int count_of(std::string_view text, std::string_view part) {
  int count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

[[noreturn]] void become(std::vector<std::string>& command, const std::function<void()>& in_child) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (in_child) in_child();
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  ::execvp(arguments.front(), arguments.data());
  ::_exit(127);
}

}  // namespace

Process::Process(std::vector<std::string> command, const std::function<void()>& in_child) {
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  pid_ = checked(::fork(), "fork");
  if (pid_ == 0) {
    ::dup2(out.write.get(), STDOUT_FILENO);
    ::dup2(err.write.get(), STDERR_FILENO);
    become(command, in_child);
  }
  out_.fd = std::move(out.read);
  err_.fd = std::move(err.read);
}

Process::~Process() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Process::send_signal(int signal) const { ::kill(pid_, signal); }

bool Process::wait_for(const Output& output, std::string_view part, int times) {
  const auto limit = SteadyClock::now() + patience;
  while (count_of(output.text, part) < times) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit - SteadyClock::now());
    if (left.count() <= 0 || !read_some(static_cast<int>(left.count()))) return false;
  }
  return true;
}

// False when both outputs have ended, or nothing came in time.
bool Process::read_some(int timeout_ms) {
  if (!out_.fd && !err_.fd) return false;
  std::array<pollfd, 2> entries{pollfd{out_.fd.get(), POLLIN, 0}, pollfd{err_.fd.get(), POLLIN, 0}};
  if (::poll(entries.data(), entries.size(), timeout_ms) <= 0) return false;
  std::array<char, 65'536> buffer;
  for (std::size_t i = 0; i < 2; ++i) {
    if (entries[i].revents == 0) continue;
    Output& output = i == 0 ? out_ : err_;
    const ssize_t size = ::read(output.fd.get(), buffer.data(), buffer.size());
    if (size > 0) output.text.append(buffer.data(), static_cast<std::size_t>(size));
    if (size <= 0) output.fd.reset();
  }
  return true;
}

int Process::wait() {
  const auto limit = SteadyClock::now() + patience;
  while ((out_.fd || err_.fd) && SteadyClock::now() < limit) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit - SteadyClock::now());
    read_some(static_cast<int>(left.count()));
  }
  if (out_.fd || err_.fd) ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Finished run(std::vector<std::string> command, const std::function<void()>& in_child) {
  Process process(std::move(command), in_child);
  const int exit_code = process.wait();
  return {exit_code, process.out(), process.err()};
}

std::string find_program(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + program;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

TemporaryFolder::TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "backstop-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) tun::throw_errno("mkdtemp " + path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace backstop::test
