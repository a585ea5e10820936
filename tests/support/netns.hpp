// Network namespaces for tests that need the kernel: each makes its own, so that nothing of the host is touched.
// Read next: kernel_client.hpp, the kernel's sockets to use in there.
#pragma once

#include <string>

#include "tun/file_descriptor.hpp"

namespace backstop::test {

/// What keeps tests with TUN and namespaces from running here, for BACKSTOP_SKIP; empty when they can.
std::string no_kernel_tests_reason();

/// A network namespace under /run/netns with a name that no other has, loopback up. It goes when the object does; what
/// still has a socket in it keeps what is left of it alive, without the name.
class NetworkNamespace {
 public:
  /// Throws std::system_error.
  NetworkNamespace();
  ~NetworkNamespace();
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string name_;
  std::string path_;
};

/// Puts the calling thread into a namespace for as long as it lives. Threads that start meanwhile are in there, too.
class InNamespace {
 public:
  explicit InNamespace(const NetworkNamespace& space);
  ~InNamespace();
  InNamespace(const InNamespace&) = delete;
  InNamespace& operator=(const InNamespace&) = delete;

 private:
  tun::FileDescriptor before_;
};

}  // namespace backstop::test
