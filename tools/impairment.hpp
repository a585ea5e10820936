// How bad a link shall be, as a person writes it after --impair, in the words of iproute2's netem:
//   loss=5%,duplicate=1%,reorder=1%,corrupt=0.1%,seed=7
// Each holds for both directions; what is not written does not happen.
// Read next: tun/fault_injector.hpp, which does it.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "tun/fault_injector.hpp"

namespace backstop::tools {

/// The faults, or one line that names what is wrong.
std::expected<tun::FaultOptions, std::string> parse_impairment(std::string_view text);

}  // namespace backstop::tools
