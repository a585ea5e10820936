// A fuzz target: a function that takes any octets and must not fail. A target is a file in targets/ that ends with
// BACKSTOP_FUZZ_TARGET; libfuzzer.cpp makes a libFuzzer program of one, replay.cpp plays inputs from files to all.
// Read next: input.hpp, how octets become choices.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "stack/wire/bytes.hpp"

namespace backstop::fuzz {

struct Target {
  std::string_view name;
  void (*run)(Bytes input);
};

/// All targets of this program.
inline std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

struct Registration {
  Registration(std::string_view name, void (*run)(Bytes)) { targets().push_back({name, run}); }
};

/// Ends the process with a message: what libFuzzer takes for a finding.
[[noreturn]] inline void fail(const std::string& what) {
  std::fprintf(stderr, "fuzz: %s\n", what.c_str());
  std::abort();
}

inline void require(bool holds, const char* what) {
  if (!holds) fail(what);
}

}  // namespace backstop::fuzz

#define BACKSTOP_FUZZ_TARGET(name, function) \
  static const backstop::fuzz::Registration registration { name, function }
