#include "tools/bench/catalogue.hpp"

#include <stdexcept>

namespace backstop::tools::bench {

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("the bench is wrong: ") + what);
}

Catalogue catalogue() {
  Catalogue all;
  add_probes(all);
  add_bulk(all);
  add_small(all);
  add_crowds(all);
  add_timers(all);
  add_fallback(all);
  return all;
}

}  // namespace backstop::tools::bench
