// The kernel's receiving side of a device as a thread of its own ("threaded NAPI"; Linux, Documentation/networking/
// napi.rst): what we write waits for it, and it hands segments of one flow on to the host's TCP merged into one. A
// stream of packets then costs far less, and wakes its reader far less often; a lone packet waits for one more thread.
// Read next: bursts.hpp (SentStream), which of the two there is; tun_device.cpp, who asks.
#pragma once

#include <string>

#include "tun/file_descriptor.hpp"

namespace backstop::tun {

class ReceiveThread {
 public:
  ReceiveThread() = default;
  /// Of the device `name` in the network namespace of the calling thread. Where the kernel has none, or lets only
  /// somebody with CAP_SYS_ADMIN have it, all below does nothing.
  explicit ReceiveThread(const std::string& name);
  ReceiveThread(ReceiveThread&& other) noexcept = default;
  ReceiveThread& operator=(ReceiveThread&& other) noexcept = default;
  /// Leaves the device as it was.
  ~ReceiveThread() { use(false); }

  /// Also when somebody else has chosen so, which is left as it is.
  [[nodiscard]] bool in_use() const { return in_use_; }
  /// Takes about 100 us.
  void use(bool on);

 private:
  FileDescriptor attribute_;  ///< /sys/class/net/NAME/threaded
  bool in_use_ = false;
};

}  // namespace backstop::tun
