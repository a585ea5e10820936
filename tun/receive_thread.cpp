#include "tun/receive_thread.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace backstop::tun {
namespace {

/// A view of sysfs that nobody else sees. Why not /sys: what stands there shows the network namespace of whoever
/// mounted it, which may have a device of the same name.
FileDescriptor sysfs_of_this_namespace() {
  // By number: the C library has had these calls for a few years only.
  const FileDescriptor context{static_cast<int>(::syscall(SYS_fsopen, "sysfs", FSOPEN_CLOEXEC))};
  if (!context || ::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return {};
  return FileDescriptor{static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0))};
}

}  // namespace

ReceiveThread::ReceiveThread(const std::string& name) {
  const FileDescriptor sysfs = sysfs_of_this_namespace();
  if (!sysfs) return;
  attribute_ = FileDescriptor{::openat(sysfs.get(), ("class/net/" + name + "/threaded").c_str(), O_RDWR | O_CLOEXEC)};
  char present = '0';
  const bool readable = attribute_ && ::pread(attribute_.get(), &present, 1, 0) == 1;
  in_use_ = present != '0';
  if (!readable || in_use_) attribute_ = {};
}

void ReceiveThread::use(bool on) {
  if (!attribute_ || on == in_use_) return;
  if (::pwrite(attribute_.get(), on ? "1" : "0", 1, 0) == 1) in_use_ = on;
}

}  // namespace backstop::tun
