#include "tun/network_namespace.hpp"

#include <fcntl.h>
#include <sched.h>

#include <exception>
#include <thread>

#include "tun/file_descriptor.hpp"

namespace backstop::tun {

void enter_network_namespace(const std::string& name) {
  const std::string path = "/run/netns/" + name;
  const FileDescriptor space{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!space) throw_errno("open " + path, errno == ENOENT ? "make it with: ip netns add " + name : "");
  if (::setns(space.get(), CLONE_NEWNET) != 0) {
    throw_errno("setns " + name, errno == EPERM ? "run as root or with CAP_SYS_ADMIN" : "");
  }
}

void in_network_namespace(const std::string& name, const std::function<void()>& work) {
  if (name.empty()) return work();
  // A namespace belongs to a thread: one that ends after the work needs no way back that might fail.
  std::exception_ptr failure;
  std::thread worker([&] {
    try {
      enter_network_namespace(name);
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  worker.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace backstop::tun
