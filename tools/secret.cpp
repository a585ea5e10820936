#include "tools/secret.hpp"

#include <sys/random.h>

#include "tun/file_descriptor.hpp"

namespace backstop::tools {

std::array<std::uint8_t, 16> random_secret() {
  std::array<std::uint8_t, 16> secret;
  // Why in one go: up to 256 octets come whole (getrandom(2)).
  if (::getrandom(secret.data(), secret.size(), 0) < 0) tun::throw_errno("getrandom");
  return secret;
}

}  // namespace backstop::tools
