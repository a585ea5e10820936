// The text that simulated users write. A stream begins with the number of the end that wrote it, so that whoever reads
// knows whose it is; each octet behind that is a function of this number and its place, so any piece can be checked.
// Read next: user.hpp.
#pragma once

#include <cstdint>

#include "stack/wire/bytes.hpp"

namespace backstop::simulation {

using EndId = std::uint32_t;

/// Octets of the number in front.
inline constexpr std::uint64_t name_size = sizeof(EndId);
/// Most octets that fill_text() and is_text_of() take at a time.
inline constexpr std::size_t longest_text = 65'521;

/// The text of `end` from `offset` on.
void fill_text(EndId end, std::uint64_t offset, MutableBytes out);
bool is_text_of(EndId end, std::uint64_t offset, Bytes text);

}  // namespace backstop::simulation
