#include "tun/file_descriptor.hpp"

#include <unistd.h>

namespace backstop::tun {

void FileDescriptor::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

SystemError::SystemError(int error, const std::string& what, std::string_view hint)
    : std::system_error(error, std::generic_category(), what), text_(std::system_error::what()) {
  if (!hint.empty()) text_.append(": ").append(hint);
}

void throw_errno(const std::string& what, std::string_view hint) { throw SystemError(errno, what, hint); }

}  // namespace backstop::tun
