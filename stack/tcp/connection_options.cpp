#include "stack/tcp/connection_options.hpp"

#include <algorithm>

namespace backstop::tcp {

OptionSets::OptionSets(const ConnectionOptions& defaults, std::uint16_t count, std::pmr::memory_resource& memory)
    : sets_(std::max<std::size_t>(count, 1), &memory) {
  sets_[default_options] = {.options = defaults, .users = 1};  // the stack itself: it is never given up
}

std::optional<OptionSetId> OptionSets::acquire(const ConnectionOptions& wanted) {
  const auto is_wanted = [&](const Set& set) { return set.users > 0 && set.options == wanted; };
  auto set = std::find_if(sets_.begin(), sets_.end(), is_wanted);
  if (set == sets_.end()) {
    set = std::find_if(sets_.begin(), sets_.end(), [](const Set& s) { return s.users == 0; });
    if (set == sets_.end()) return std::nullopt;
    set->options = wanted;
  }
  ++set->users;
  return static_cast<OptionSetId>(set - sets_.begin());
}

OptionSetId OptionSets::share(OptionSetId set) {
  ++sets_[set].users;
  return set;
}

}  // namespace backstop::tcp
