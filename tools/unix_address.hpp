// The address of a Unix socket (unix(7)).
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <string>

#include "tun/file_descriptor.hpp"

namespace backstop::tools {

class UnixAddress {
 public:
  /// Throws std::system_error for a path that is too long.
  explicit UnixAddress(const std::string& path) {
    address_.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address_.sun_path)) {
      throw tun::SystemError(ENAMETOOLONG, path, "a socket's path has at most 107 octets");
    }
    path.copy(address_.sun_path, path.size());
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }

 private:
  sockaddr_un address_{};
};

}  // namespace backstop::tools
