// What a simulation throws when the stack broke a rule.
#pragma once

#include <stdexcept>

namespace backstop::simulation {

class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace backstop::simulation
