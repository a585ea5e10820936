// A file descriptor that closes itself, and the error that names the call that failed, on what, and the cure.
// Read next: tun_device.hpp.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace backstop::tun {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() { reset(); }

  void reset();
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// A std::system_error whose text ends with a hint: "TUNSETIFF bs0: Operation not permitted: run as root ...".
class SystemError : public std::system_error {
 public:
  SystemError(int error, const std::string& what, std::string_view hint = {});
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// Throws SystemError for errno.
[[noreturn]] void throw_errno(const std::string& what, std::string_view hint = {});

/// Hands on what a system call returned, or throws for it.
inline int checked(int result, const char* what) {
  if (result < 0) throw_errno(what);
  return result;
}

}  // namespace backstop::tun
