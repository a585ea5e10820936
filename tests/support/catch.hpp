// The only way to Catch2: picks the header of version 2 or 3, and adds what both lack.
// BACKSTOP_SKIP("reason") is for a test that cannot run here (no root, no TUN): ctest shows it as skipped, and with
// BACKSTOP_NO_SKIP=1 in the environment, as continuous integration has it, it fails instead.
// Read next: scenario.hpp, which most tests are written with.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <string_view>

namespace backstop::test {

/// True when BACKSTOP_NO_SKIP=1: a test that cannot run is then a failure.
bool skipping_is_failure();

/// Prints the line "SKIPPED: reason" and makes the program end with exit code 77, unless a test fails.
void note_skip(std::string_view reason);

/// True once note_skip was called.
bool any_skipped();

}  // namespace backstop::test

#define BACKSTOP_SKIP(reason)                                                           \
  do {                                                                                  \
    if (::backstop::test::skipping_is_failure()) FAIL("cannot run here: " << (reason)); \
    SUCCEED();                                                                          \
    ::backstop::test::note_skip(reason);                                                \
    return;                                                                             \
  } while (false)
