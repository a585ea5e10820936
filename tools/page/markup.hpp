// Text for HTML and SVG: escaped, and numbers as people read them.
// Read next: palette.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace backstop::page {

/// The text as it may stand in an element or a quoted attribute. Octets that XML 1.0 forbids, and what is no UTF-8,
/// become U+FFFD.
std::string escape(std::string_view text);

/// A coordinate: at most two decimals, no zeros at its end.
std::string number(double value);

/// "312,000".
std::string grouped(std::uint64_t count);

/// "1 segment", "214 segments".
std::string counted(std::uint64_t count, std::string_view noun);

/// A duration in the unit that suits it: "12 us", "10.3 ms", "1.21 s".
std::string duration_text(double seconds);

}  // namespace backstop::page
