#include "tests/support/netns.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <thread>

#include "tun/interface.hpp"

namespace backstop::test {
namespace {

using tun::checked;
using tun::FileDescriptor;

std::string unique_name() {
  static std::atomic<unsigned> count = 0;
  return "backstop-test-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
}

FileDescriptor open_space(const std::string& path) {
  return FileDescriptor(checked(::open(path.c_str(), O_RDONLY | O_CLOEXEC), ("open " + path).c_str()));
}

/// A namespace lives as long as something refers to it: here, a mount of it on a file.
void make_and_mount(const std::string& path) {
  checked(::unshare(CLONE_NEWNET), "unshare");
  checked(::mount("/proc/thread-self/ns/net", path.c_str(), "none", MS_BIND, nullptr), "mount");
  tun::Interface("lo").set_up();
}

void in_new_thread(const auto& work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

void remove_space(const std::string& path) {
  ::umount2(path.c_str(), MNT_DETACH);
  ::unlink(path.c_str());
}

}  // namespace

std::string no_kernel_tests_reason() {
  if (::geteuid() != 0) return "needs root";
  if (::access("/dev/net/tun", R_OK | W_OK) != 0) return "needs /dev/net/tun";
  try {
    const NetworkNamespace trial;
  } catch (const std::system_error& error) {
    return std::string("needs network namespaces: ") + error.what();
  }
  return {};
}

NetworkNamespace::NetworkNamespace() : name_(unique_name()), path_("/run/netns/" + name_) {
  ::mkdir("/run/netns", 0755);
  FileDescriptor(checked(::open(path_.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444), "open"));
  try {
    in_new_thread([&] { make_and_mount(path_); });
  } catch (...) {
    remove_space(path_);
    throw;
  }
}

NetworkNamespace::~NetworkNamespace() { remove_space(path_); }

InNamespace::InNamespace(const NetworkNamespace& space) : before_(open_space("/proc/thread-self/ns/net")) {
  checked(::setns(open_space(space.path()).get(), CLONE_NEWNET), "setns");
}

InNamespace::~InNamespace() {
  // A thread that cannot go back must not go on: what it does next would be done in the wrong place.
  if (::setns(before_.get(), CLONE_NEWNET) != 0) std::terminate();
}

}  // namespace backstop::test
