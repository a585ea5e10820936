// A random key for Config::secret: without it a stack's sequence numbers could be guessed (RFC 6528).
#pragma once

#include <array>
#include <cstdint>

namespace backstop::tools {

/// From getrandom(2). Throws std::system_error.
std::array<std::uint8_t, 16> random_secret();

}  // namespace backstop::tools
