// The main of every test program. A test case that asserts nothing fails, and so does a name that matches no test case.
#define CATCH_CONFIG_RUNNER
#include "tests/support/catch.hpp"

int main(int argc, char** argv) {
  using Catch::WarnAbout;
#if CATCH_VERSION_MAJOR >= 3
  constexpr auto no_match = WarnAbout::UnmatchedTestSpec;
#else
  constexpr auto no_match = WarnAbout::NoTests;
#endif
  constexpr int skipped = 77;  // Why: what automake and others agree on; discover.cmake tells ctest.
  Catch::Session session;
  session.configData().warnings = static_cast<WarnAbout::What>(WarnAbout::NoAssertions | no_match);
  if (const int error = session.applyCommandLine(argc, argv); error != 0) return error;
  const int failed = session.run();
  return failed == 0 && backstop::test::any_skipped() ? skipped : failed;
}
